//! The real gateway: the binary as it is shipped, with a folder and ports of its own.

use super::folder::TestFolder;
use super::process::Process;
use super::raw::Raw;
use super::settings::Settings;
use super::tools::{Said, Tools};
use super::{PATIENCE, eventually};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// The binary under test.
pub const BINDGATE: &str = env!("CARGO_BIN_EXE_bindgate");

/// What a process costs.
#[derive(Debug, Clone, Copy)]
pub struct Footprint {
    /// Resident memory in KiB.
    pub resident_kib: u64,
    /// Open descriptors.
    pub descriptors: usize,
}

/// A running gateway.
pub struct Gateway {
    // The process goes before the folder that it works in.
    process: Process,
    settings: Settings,
    folder: TestFolder,
}

impl Gateway {
    /// A gateway in front of the directory at that port, configured as the sample is.
    pub fn before(upstream: u16) -> Self {
        Self::configured(upstream, |_, _| {})
    }

    /// A gateway whose settings were changed by `change`, which is also given its folder.
    pub fn configured(upstream: u16, change: impl FnOnce(&mut Settings, &TestFolder)) -> Self {
        let folder = TestFolder::new("gateway");
        let mut settings = Settings::new(upstream, &folder);
        change(&mut settings, &folder);
        let process = launch(&folder, &settings);
        let mut gateway = Self { process, settings, folder };
        gateway.wait_until_ready();
        gateway
    }

    /// The port for plain LDAP.
    pub fn port(&self) -> u16 {
        self.settings.ldap_port
    }

    /// Its process id.
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// The folder with configuration, store, token and logs.
    pub fn folder(&self) -> &TestFolder {
        &self.folder
    }

    /// The store's folder.
    pub fn store(&self) -> PathBuf {
        self.folder.file("store")
    }

    /// A client's connection.
    #[track_caller]
    pub fn connect(&self) -> Raw {
        Raw::connect(self.port())
    }

    /// OpenLDAP's tools, talking to this gateway.
    pub fn tools(&self) -> Tools {
        Tools::at(self.port())
    }

    /// Binds a person on a connection that is then closed; gives the result code.
    #[track_caller]
    pub fn sign_on(&self, dn: &str, password: impl AsRef<[u8]>) -> u32 {
        self.connect().bind(dn, password)
    }

    /// Everything that it has logged since the first start.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// What the kernel says of it: resident memory in KiB, and open descriptors.
    pub fn footprint(&self) -> Footprint {
        let folder = Path::new("/proc").join(self.process.id().to_string());
        let status = std::fs::read_to_string(folder.join("status")).expect("it runs, on Linux");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let digits: String =
            resident.unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
        let descriptors = std::fs::read_dir(folder.join("fd")).expect("it is ours").count();
        Footprint { resident_kib: digits.parse().expect("the kernel counts in KiB"), descriptors }
    }

    /// Kills it without warning.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Stops it where it is, until it is thawed.
    #[track_caller]
    pub fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// Lets it go on.
    #[track_caller]
    pub fn thaw(&self) {
        self.process.signal("CONT");
    }

    /// Sends SIGTERM and does not wait.
    pub fn terminate(&self) {
        self.process.terminate();
    }

    /// Sends SIGHUP.
    pub fn hang_up(&self) {
        self.process.hang_up();
    }

    /// Panics unless the metrics come to hold this line. While administration moves, nobody may answer.
    #[track_caller]
    pub fn comes_to_count(&self, line: &str) {
        eventually(line, || {
            let (_, metrics) = self.ask("/metrics")?;
            metrics.lines().any(|found| found == line).then_some(())
        });
    }

    /// Waits until it has a live copy of its one directory.
    #[track_caller]
    pub fn comes_to_have_a_copy(&self) {
        self.comes_to_count("bindgate_replica_complete{directory=\"corp\"} 1");
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        self.process.wait()
    }

    /// Ends it as a service manager does; panics unless it ends well.
    #[track_caller]
    pub fn stop(&mut self) {
        self.terminate();
        let status = self.wait();
        assert_eq!(status.code(), Some(0), "a gateway that is asked to end ends well");
    }

    /// Starts it again on the same store, also with `change`d settings.
    pub fn restart(&mut self, change: impl FnOnce(&mut Settings)) {
        self.process.kill();
        change(&mut self.settings);
        self.process = launch(&self.folder, &self.settings);
        self.wait_until_ready();
    }

    /// Starts it again and waits until it serves but calls itself not ready.
    pub fn restart_unready(&mut self, change: impl FnOnce(&mut Settings)) {
        self.process.kill();
        change(&mut self.settings);
        self.process = launch(&self.folder, &self.settings);
        self.wait_for_readiness(503);
    }

    /// Writes its configuration anew, with `change`d settings and more text behind them; it goes on.
    pub fn rewrite(&mut self, change: impl FnOnce(&mut Settings), more: &str) {
        change(&mut self.settings);
        let text = self.settings.text() + more;
        // At once, as an editor or a package does it.
        let fresh = self.folder.write("bindgate.toml.new", text);
        std::fs::rename(fresh, self.folder.file("bindgate.toml")).expect("the folder is ours");
    }

    /// Starts it again with `change`d settings, which it cannot start with, and waits until it has
    /// ended. To be called when it is stopped.
    pub fn fails_to_start(&mut self, change: impl FnOnce(&mut Settings)) -> Said {
        change(&mut self.settings);
        run_until_end(&self.folder, "failing.toml", &self.settings)
    }

    /// Begins to start it again, without waiting for anything. To be called when it is stopped.
    pub fn begin_to_start(&self) -> Process {
        launch(&self.folder, &self.settings)
    }

    /// Starts a second one on this one's store and waits until it has ended.
    pub fn rival(&mut self) -> Said {
        self.settings.move_to_other_ports();
        run_until_end(&self.folder, "rival.toml", &self.settings)
    }

    /// Runs one of the gateway's commands the way an operator does.
    #[track_caller]
    pub fn command(&self, args: &[&str]) -> Said {
        let output = Command::new(BINDGATE)
            .args(args)
            .env_remove("BINDGATE_CONFIG")
            .env("BINDGATE_ADMIN_URL", self.admin_url())
            .env("BINDGATE_ADMIN_TOKEN_FILE", self.folder.file("admin.token"))
            .output()
            .expect("the gateway's binary can be started");
        Said::from_output(output)
    }

    /// `bindgate user show USER --json`.
    #[track_caller]
    pub fn user(&self, user: &str) -> Value {
        let out = self.command(&["user", "show", user, "--json"]).expect_code(0);
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    /// The managed groups of a user by name, sorted; panics if there is no record.
    #[track_caller]
    pub fn managed_groups(&self, user: &str) -> Vec<String> {
        group_names(&self.user(user))
    }

    /// Whether there is a record of that user.
    #[track_caller]
    pub fn knows(&self, user: &str) -> bool {
        let said = self.command(&["user", "show", user, "--json"]);
        assert!(matches!(said.code, 0 | 1), "{}{}", said.out, said.err);
        said.code == 0
    }

    /// An answer of the admin API: status and body.
    pub fn get(&self, path: &str) -> (u16, String) {
        self.ask(path).expect("the admin API answers")
    }

    /// The same, if anybody answers.
    pub fn ask(&self, path: &str) -> Option<(u16, String)> {
        let token = std::fs::read_to_string(self.folder.file("admin.token")).unwrap_or_default();
        let authorization = format!("Bearer {}", token.trim());
        http_get(&format!("{}{path}", self.admin_url()), &authorization)
    }

    /// An answer of the admin API that has to be a success.
    #[track_caller]
    pub fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    /// The audit's rows, newest first.
    #[track_caller]
    pub fn audit(&self) -> Vec<Value> {
        let answer = self.json("/api/v1/audit");
        answer["items"].as_array().expect("a list has items").clone()
    }

    /// The metrics as text.
    pub fn metrics(&self) -> String {
        self.get("/metrics").1
    }

    /// Where the admin API is.
    pub fn admin_url(&self) -> String {
        let scheme = if self.settings.has_admin_tls() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.settings.admin_port)
    }

    #[track_caller]
    fn wait_until_ready(&mut self) {
        self.wait_for_readiness(200);
    }

    fn wait_for_readiness(&mut self, wanted: u16) {
        let url = format!("{}/readyz", self.admin_url());
        eventually("the gateway is as ready as it is to be", || {
            if let Some(status) = self.process.exited() {
                panic!("the gateway ended with {status}");
            }
            http_get(&url, "").filter(|(status, _)| *status == wanted)
        });
    }
}

/// The names of the managed groups in what `user show --json` printed, sorted.
pub fn group_names(user: &Value) -> Vec<String> {
    let memberships = user["memberships"].as_array().expect("a user has memberships");
    let managed = memberships.iter().filter(|row| row["provenance"] == "managed");
    let mut names: Vec<String> =
        managed.map(|row| row["group"]["name"].as_str().unwrap_or("?").to_owned()).collect();
    names.sort();
    names
}

/// Starts a gateway with these settings and waits until it has ended by itself.
pub fn run_until_end(folder: &TestFolder, file: &str, settings: &Settings) -> Said {
    let config = folder.write(file, settings.text()).display().to_string();
    let log = folder.file(&format!("{file}.log"));
    let args = ["run", "--config", &config];
    let name = "a gateway that ends";
    let (program, environment) = (Path::new(BINDGATE), &settings.environment);
    let mut process = Process::start_with(name, program, &args, environment, &log);
    let code = process.wait().code().unwrap_or(-1);
    Said { code, out: String::new(), err: process.log() }
}

fn launch(folder: &TestFolder, settings: &Settings) -> Process {
    let config = folder.write("bindgate.toml", settings.text()).display().to_string();
    let log = folder.file("gateway.log");
    let args = ["run", "--config", &config];
    Process::start_with("bindgate", Path::new(BINDGATE), &args, &settings.environment, &log)
}

/// Status and body of a GET; `None` if nobody answers. Whoever answers is believed.
pub fn http_get(url: &str, authorization: &str) -> Option<(u16, String)> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .tls_config(believing())
        .build()
        .into();
    let mut request = agent.get(url);
    if !authorization.is_empty() {
        request = request.header("authorization", authorization);
    }
    let mut response = request.call().ok()?;
    let body = response.body_mut().read_to_string().ok()?;
    Some((response.status().as_u16(), body))
}

/// TLS with whoever is there.
pub fn believing() -> ureq::tls::TlsConfig {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    ureq::tls::TlsConfig::builder()
        .disable_verification(true)
        .unversioned_rustls_crypto_provider(provider)
        .build()
}

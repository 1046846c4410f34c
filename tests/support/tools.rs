//! OpenLDAP's own command-line tools, as an application's stand-in.

use super::tree::person;
use std::process::{Command, Output, Stdio};

const HINT: &str = "run `make test`, or `apt-get install ldap-utils`";

/// How a tool ended and what it said.
#[derive(Debug)]
pub struct Said {
    /// Its exit code, which is the LDAP result code for most outcomes.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// What a finished command said.
    pub fn from_output(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Panics unless it ended with this code; gives what it printed.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self.out
    }
}

/// The tools, all talking to one server.
pub struct Tools {
    url: String,
    environment: Vec<(&'static str, String)>,
}

impl Tools {
    /// Tools that talk plain LDAP to a port on 127.0.0.1.
    pub fn at(port: u16) -> Self {
        Self { url: format!("ldap://127.0.0.1:{port}"), environment: Vec::new() }
    }

    /// Tools that talk LDAPS and trust one certificate.
    pub fn over_tls(port: u16, trusted: &std::path::Path) -> Self {
        let environment = vec![("LDAPTLS_CACERT", trusted.display().to_string())];
        Self { url: format!("ldaps://127.0.0.1:{port}"), environment }
    }

    /// The same with more in their environment.
    pub fn with(mut self, environment: Vec<(&'static str, String)>) -> Self {
        self.environment.extend(environment);
        self
    }

    /// Runs a tool with simple authentication and these arguments.
    #[track_caller]
    pub fn run(&self, tool: &str, args: &[&str]) -> Said {
        self.run_with_input(tool, args, "")
    }

    /// Runs a tool as a person of the tree with that person's password.
    #[track_caller]
    pub fn run_as(&self, uid: &str, tool: &str, args: &[&str]) -> Said {
        self.run_as_with_input(uid, tool, args, "")
    }

    /// Runs a tool as a person, with something to read.
    #[track_caller]
    pub fn run_as_with_input(&self, uid: &str, tool: &str, args: &[&str], input: &str) -> Said {
        let (dn, password) = (person(uid), super::tree::password(uid));
        let mut all = vec!["-D", dn.as_str(), "-w", password.as_str()];
        all.extend_from_slice(args);
        self.run_with_input(tool, &all, input)
    }

    /// Runs a tool that binds by SASL; `args` say by which mechanism and as whom.
    #[track_caller]
    pub fn run_sasl(&self, tool: &str, args: &[&str]) -> Said {
        self.run_tool(tool, &[], args, "")
    }

    /// Runs a tool with something to read.
    #[track_caller]
    pub fn run_with_input(&self, tool: &str, args: &[&str], input: &str) -> Said {
        self.run_tool(tool, &["-x"], args, input)
    }

    #[track_caller]
    fn run_tool(&self, tool: &str, how: &[&str], args: &[&str], input: &str) -> Said {
        let mut child = Command::new(tool)
            .args(how)
            .args(["-H", &self.url, "-o", "nettimeout=20"])
            .args(args)
            .env("LDAPCONF", "/dev/null")
            .env("LDAPRC", "bindgate-tests-have-none")
            .envs(self.environment.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{tool}: {error}: {HINT}"));
        if let Some(mut stdin) = child.stdin.take() {
            // A tool that ends without reading has said why on its standard error.
            let _ = std::io::Write::write_all(&mut stdin, input.as_bytes());
        }
        Said::from_output(child.wait_with_output().expect("a child can be waited for"))
    }
}

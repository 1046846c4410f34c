//! What an application pays for nested groups that it searches by: a login, and a large group.
//!
//! Goals: an application's login (bind as itself, search by uid and memberOf, bind as the user) at 16
//! connections at least .9 x of the directory alone, which is asked without memberOf, since it does
//! not know any; a filter on the memberOf of a group of 10 000 in a directory of 100 000 people
//! within 3 x of the plain indexed search that returns the same entries. Method: both sides in turn,
//! in the same run, against the same slapd; the groups are nested two levels deep, the first round
//! does not count.
//!
//! `cargo bench --bench serving -- --users 100000 --rounds 5`; needs slapd.

#[allow(dead_code, unused_imports, reason = "shared with the benches of throughput")]
mod support;

use bindgate::proto::bind::write_simple;
use bindgate::proto::envelope::{Envelope, MessageId};
use bindgate::proto::filter::Filter;
use bindgate::proto::framing::{Frame, frame};
use bindgate::proto::op::Operation;
use bindgate::proto::result::LdapResult;
use bindgate::proto::search::{Scope, Search};
use clap::Parser;
use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};
use support::BenchError;
use support::company::{PEOPLE, SERVICE_DN, SERVICE_PASSWORD, division_dn};
use support::cpu::Sample;
use support::link::Dialer;
use support::load::{Load, Observer, Outcome};
use support::openldap;
use support::peers::{self, Ground, Peer};
use support::target::Target;
use support::work::{Binds, Logins, Requests, Turn};

/// Logins and searches by nested groups, against the directory alone.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many users; a tenth of them is in the group
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(10..))]
    users: u32,
    /// How often each is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many seconds logins go on in each round
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// How many connections log users in
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Given by cargo to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

const LARGEST: usize = 1 << 26;
const PATIENCE: Duration = Duration::from_secs(600);
/// The group that is searched by.
const DIVISION: u32 = 7;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            error.exit_code()
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), BenchError> {
    eprintln!("filling the directory with {} users", arguments.users);
    let ground = Ground::create()?;
    let slapd = openldap::slapd_of_divisions(&ground, arguments.users)?;
    let gateway = peers::gateway(&ground, slapd.address, Target::Jit)?;
    gateway.comes_to_have_a_copy(PATIENCE)?;
    searches(arguments, &slapd, &gateway)?;
    logins(arguments, slapd.address, gateway.address)
}

/// Searches by the group, and plain ones that return the same entries.
fn searches(arguments: &Arguments, slapd: &Peer, gateway: &Peer) -> Result<(), BenchError> {
    let filter = |text: String| Filter::parse(&text).map_err(io::Error::other);
    let plain = filter(format!("(departmentNumber={DIVISION})"));
    let group = format!("(memberOf={})", division_dn(DIVISION));
    let both = format!("(&(objectClass=inetOrgPerson)(memberOf={}))", division_dn(DIVISION));
    let either = format!("(|(uid=user1)(memberOf={}))", division_dn(DIVISION));
    let failed = |target| move |source| BenchError::Load { target, source };
    let plain = plain.map_err(failed("direct"))?;
    println!(
        "| search | round | entries | direct ms | relayed ms | by group ms | x direct | x relayed | direct CPU ms | by group CPU ms, gateway | slapd |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut direct = Client::connect(slapd.address).map_err(failed("direct"))?;
    let mut relayed = Client::connect(gateway.address).map_err(failed("gateway"))?;
    for text in [group, both, either] {
        let served = filter(text.clone()).map_err(failed("gateway"))?;
        for round in 0..=arguments.rounds {
            let sample = || Sample::take(Some(gateway.id()), slapd.id());
            let began = sample();
            let (expected, alone) = direct.search(&plain).map_err(failed("direct"))?;
            let of_direct = sample().since(&began).directory;
            let (_, through) = relayed.search(&plain).map_err(failed("gateway"))?;
            let began = sample();
            let (found, by_group) = relayed.search(&served).map_err(failed("gateway"))?;
            if found.abs_diff(expected) > 1 || expected == 0 {
                let text = format!("{found} entries in place of {expected}");
                return Err(failed("gateway")(io::Error::other(text)));
            }
            if round == 0 {
                continue;
            }
            let (alone, through) = (alone.as_secs_f64() * 1e3, through.as_secs_f64() * 1e3);
            let by_group = by_group.as_secs_f64() * 1e3;
            let of_group = sample().since(&began);
            let cpu = [of_direct, of_group.proxy, of_group.directory].map(|time| time.as_millis());
            println!(
                "| `{text}` | {round} | {found} | {alone:.0} | {through:.0} | {by_group:.0} | {:.2} | {:.2} | {} | {} | {} |",
                by_group / alone,
                by_group / through,
                cpu[0],
                cpu[1],
                cpu[2],
            );
        }
    }
    Ok(())
}

/// A connection that is bound as the service account.
struct Client {
    stream: TcpStream,
    id: MessageId,
}

impl Client {
    fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut client = Self { stream, id: MessageId::UNSOLICITED.next() };
        let mut request = Vec::new();
        let (dn, password) = (SERVICE_DN.as_bytes(), SERVICE_PASSWORD.as_bytes());
        write_simple(&mut request, client.id, dn, password);
        client.stream.write_all(&request)?;
        client.until(Operation::BindResponse)?;
        Ok(client)
    }

    /// How many entries a search returns, and how long that takes.
    fn search(&mut self, filter: &Filter) -> io::Result<(u64, Duration)> {
        self.id = self.id.next();
        let search = Search {
            base: PEOPLE.to_owned(),
            scope: Scope::Subtree,
            filter: filter.clone(),
            attributes: ["uid", "cn", "mail"].map(str::to_owned).to_vec(),
            size_limit: 0,
            time_limit: 0,
            controls: Vec::new(),
        };
        let mut request = Vec::new();
        search.write(&mut request, self.id);
        let began = Instant::now();
        self.stream.write_all(&request)?;
        let entries = self.until(Operation::SearchResultDone)?;
        Ok((entries, began.elapsed()))
    }

    /// Reads on until an answer of that kind, which has to be a success; how many entries came.
    fn until(&mut self, last: Operation) -> io::Result<u64> {
        let (mut buffer, mut filled, mut entries) = (vec![0; 1 << 20], 0, 0);
        loop {
            let mut at = 0;
            while let Frame::Whole(size) =
                frame(&buffer[at..filled], LARGEST).map_err(io::Error::other)?
            {
                let answer = Envelope::parse(&buffer[at..at + size]).map_err(io::Error::other)?;
                if answer.operation == last {
                    let result = LdapResult::decode(answer.content).map_err(io::Error::other)?;
                    return match result.code.is_success() {
                        true => Ok(entries),
                        false => Err(io::Error::other(result.code.to_string())),
                    };
                }
                entries += 1;
                at += size;
            }
            buffer.copy_within(at..filled, 0);
            filled -= at;
            match self.stream.read(&mut buffer[filled..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => filled += count,
            }
        }
    }
}

struct Nobody;

impl Observer for Nobody {}

/// Logins by uid and memberOf, and those by uid alone at the directory.
fn logins(arguments: &Arguments, slapd: SocketAddr, gateway: SocketAddr) -> Result<(), BenchError> {
    let users = arguments.users.min(2_000);
    let plain = Rc::new(Requests::of(users));
    sign_everybody_on(arguments, gateway, &plain)?;
    let equal = |name: &str, value: String| Filter::equal(name, value);
    let by_group = |user: u32| {
        Filter::And(vec![
            equal("objectClass", "inetOrgPerson".to_owned()),
            equal("uid", format!("user{user}")),
            equal("memberOf", division_dn(user)),
        ])
    };
    let served = Rc::new(Requests::by(users, &["uid", "cn", "mail", "memberOf"], by_group));
    println!("\n| round | direct logins/s | by group logins/s | x direct |");
    println!("| --- | --- | --- | --- |");
    for round in 0..=arguments.rounds {
        let alone = rate("direct", arguments, slapd, &plain)?;
        let through = rate("gateway", arguments, gateway, &served)?;
        if round > 0 {
            println!("| {round} | {alone:.0} | {through:.0} | {:.2} |", through / alone);
        }
    }
    Ok(())
}

/// First sign-ons write to the disk; they are measured elsewhere.
fn sign_everybody_on(
    arguments: &Arguments,
    gateway: SocketAddr,
    requests: &Rc<Requests>,
) -> Result<(), BenchError> {
    let load = Load {
        dialer: Dialer::plain(gateway),
        connections: usize::from(arguments.connections),
        warm_up: Duration::ZERO,
        window: Duration::ZERO,
    };
    let next = Rc::new(Cell::new(0));
    let bind = |_| Binds::new(requests, Turn::Next(next.clone()));
    let failed = |source| BenchError::Load { target: "gateway", source };
    load.run_to_end(bind, &mut Nobody).map_err(failed).map(|_| ())
}

fn rate(
    target: &'static str,
    arguments: &Arguments,
    address: SocketAddr,
    requests: &Rc<Requests>,
) -> Result<f64, BenchError> {
    let load = Load {
        dialer: Dialer::plain(address),
        connections: usize::from(arguments.connections),
        warm_up: Duration::from_secs(1),
        window: Duration::from_secs(arguments.seconds),
    };
    let failed = |source| BenchError::Load { target, source };
    let login = |number| Logins::new(requests, Turn::random(number));
    let Outcome { operations, refused, elapsed, .. } =
        load.run(login, &mut Nobody).map_err(failed)?;
    match refused {
        0 => Ok(operations as f64 / elapsed.as_secs_f64()),
        _ => Err(failed(io::Error::other(format!("{refused} logins were refused")))),
    }
}

//! The directory's content: people with hashed passwords in nested groups, the same in every run.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use std::io::{self, Write};

/// The suffix.
pub(crate) const SUFFIX: &str = "dc=bench,dc=example";
/// Where the people are.
pub(crate) const PEOPLE: &str = "ou=people,dc=bench,dc=example";
/// Where the groups are.
pub(crate) const GROUPS: &str = "ou=groups,dc=bench,dc=example";
/// The account that the gateway reads with.
pub(crate) const SERVICE_DN: &str = "cn=gateway,dc=bench,dc=example";
/// Its password, which guards made-up data on loopback.
pub(crate) const SERVICE_PASSWORD: &str = "gateway-bench";
/// The account that an application searches with.
pub(crate) const APP_DN: &str = "cn=app,dc=bench,dc=example";
/// Its password.
pub(crate) const APP_PASSWORD: &str = "app-bench";

// 600 teams in 100 departments in 10 divisions in one company, and 19 projects of 30 teams each:
// 730 groups, and everybody is in one team, one department, one division, the company, and about
// one project.
const TEAMS: u32 = 600;
const DEPARTMENTS: u32 = 100;
const DIVISIONS: u32 = 10;
const PROJECTS: u32 = 19;
const TEAMS_OF_A_PROJECT: u32 = 30;

/// The DN of a user.
pub(crate) fn user_dn(user: u32) -> String {
    format!("uid=user{user},{PEOPLE}")
}

/// The password of a user.
pub(crate) fn password(user: u32) -> String {
    format!("secret-{user}")
}

/// The DN of the division of a user: one in ten is in it, by way of a team and a department.
#[allow(dead_code, reason = "not every bench searches by it")]
pub(crate) fn division_dn(user: u32) -> String {
    group_dn("division", user % DIVISIONS)
}

/// What each user's entry has beside what all have: for plain searches that find a division.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Also {
    /// Nothing.
    Nothing,
    /// The number of the division, as departmentNumber.
    Division,
    /// One more small group for every ten users.
    Circles,
}

/// Writes the whole directory as an LDIF.
pub(crate) fn write_ldif(out: &mut impl Write, users: u32, also: Also) -> io::Result<()> {
    writeln!(out, "dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization")?;
    writeln!(out, "dc: bench\no: Bench\n")?;
    for (dn, ou) in [(PEOPLE, "people"), (GROUPS, "groups")] {
        writeln!(out, "dn: {dn}\nobjectClass: organizationalUnit\nou: {ou}\n")?;
    }
    for (dn, cn, password) in
        [(SERVICE_DN, "gateway", SERVICE_PASSWORD), (APP_DN, "app", APP_PASSWORD)]
    {
        writeln!(out, "dn: {dn}\nobjectClass: organizationalRole")?;
        writeln!(out, "objectClass: simpleSecurityObject\ncn: {cn}")?;
        writeln!(out, "userPassword: {}\n", hashed(password, 0))?;
    }
    for user in 0..users {
        writeln!(out, "dn: {}\nobjectClass: inetOrgPerson\nuid: user{user}", user_dn(user))?;
        writeln!(out, "cn: User {user}\nsn: {user}\nmail: user{user}@bench.example")?;
        if also == Also::Division {
            writeln!(out, "departmentNumber: {}", user % DIVISIONS)?;
        }
        writeln!(out, "userPassword: {}\n", hashed(&password(user), user))?;
    }
    write_groups(out, users)?;
    if also == Also::Circles {
        for circle in 0..users / 10 {
            let members = (circle * 10..circle * 10 + 10).map(user_dn);
            write_group(out, "circle", circle, members)?;
        }
    }
    Ok(())
}

fn write_groups(out: &mut impl Write, users: u32) -> io::Result<()> {
    for team in 0..TEAMS {
        let members = (team..users).step_by(TEAMS as usize).map(user_dn);
        write_group(out, "team", team, members)?;
    }
    for department in 0..DEPARTMENTS {
        let teams = (department..TEAMS).step_by(DEPARTMENTS as usize);
        write_group(out, "department", department, teams.map(|team| group_dn("team", team)))?;
    }
    for division in 0..DIVISIONS {
        let departments = (division..DEPARTMENTS).step_by(DIVISIONS as usize);
        let members = departments.map(|department| group_dn("department", department));
        write_group(out, "division", division, members)?;
    }
    write_group(out, "company", 0, (0..DIVISIONS).map(|number| group_dn("division", number)))?;
    for project in 0..PROJECTS {
        let teams = (0..TEAMS_OF_A_PROJECT).map(|nth| (project * 37 + nth * 20) % TEAMS);
        write_group(out, "project", project, teams.map(|team| group_dn("team", team)))?;
    }
    Ok(())
}

fn group_dn(kind: &str, number: u32) -> String {
    format!("cn={kind}{number},{GROUPS}")
}

/// A group that would be empty has itself as its member, since groupOfNames asks for one.
fn write_group(
    out: &mut impl Write,
    kind: &str,
    number: u32,
    members: impl Iterator<Item = String>,
) -> io::Result<()> {
    let dn = group_dn(kind, number);
    writeln!(out, "dn: {dn}\nobjectClass: groupOfNames\ncn: {kind}{number}")?;
    let mut members = members.peekable();
    if members.peek().is_none() {
        writeln!(out, "member: {dn}")?;
    }
    for member in members {
        writeln!(out, "member: {member}")?;
    }
    writeln!(out)
}

/// A password as OpenLDAP's default scheme {SSHA} keeps it: base64 of SHA-1 and salt.
fn hashed(password: &str, salt: u32) -> String {
    let salt = salt.to_be_bytes();
    let salted = [password.as_bytes(), &salt].concat();
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &salted);
    format!("{{SSHA}}{}", base64(&[hash.as_ref(), &salt].concat()))
}

/// Base64 of a whole number of three-byte groups: 24 bytes here.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = bytes.chunks_exact(3).flat_map(|group| {
        let bits = group.iter().fold(0usize, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(DIGITS[bits >> shift & 63]))
    });
    groups.collect()
}

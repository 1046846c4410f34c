use super::row::Row;
use super::*;

#[test]
fn a_line_of_ldif_is_folded_and_read_back() {
    let mut out = String::new();
    let group = crate::domain::record::Group {
        id: crate::domain::record::UpstreamId::new(&"x".repeat(200)),
        dn: " cn=é\n".to_owned(),
        name: "a: b ".to_owned(),
    };
    let row = Row::of_group("corp", &group);
    ldif::write(&mut out, &row, 1);
    assert!(out.lines().all(|line| line.len() <= 76 && line.is_ascii()), "{out}");
    let mut entries = ldif::entries(&out);
    let entry = entries.pop().unwrap().ok().unwrap();
    assert!(entries.is_empty());
    assert_eq!(entry.row().unwrap(), row);
}

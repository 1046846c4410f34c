//! What is known about attributes without asking a directory: their names and matching rules.
//!
//! The table holds what RFC 4519, 4523, 2307, 4530, the password policy draft and the schemas of
//! OpenLDAP, 389-ds and Active Directory agree on. An attribute that is not in it compares without
//! regard to case, as most do. Names by which directories mean different attributes are left out
//! (`streetAddress` is `street` in RFC 4519 and something else in Active Directory).

use std::collections::HashMap;
use std::sync::LazyLock;

/// Whether case matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Case {
    /// It does not.
    Ignore,
    /// It does.
    Exact,
}

/// The kind of an equality rule (RFC 4517 section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// caseIgnoreMatch, caseExactMatch, and their IA5 kin.
    Text(Case),
    /// octetStringMatch.
    Octets,
    /// distinguishedNameMatch.
    DistinguishedName,
    /// uniqueMemberMatch: a DN and, if there is one, a bit string.
    NameAndOptionalUid,
    /// integerMatch.
    Integer,
    /// booleanMatch.
    Boolean,
    /// generalizedTimeMatch.
    Time,
    /// telephoneNumberMatch.
    Telephone,
    /// objectIdentifierMatch on names of object classes.
    ObjectClass,
}

/// Attributes by rule, in lower case; those that are not named are `Text(Case::Ignore)`.
const RULES: [(Rule, &str); 9] = [
    (
        Rule::Text(Case::Exact),
        "memberuid homedirectory loginshell membernisnetgroup nisnetgrouptriple labeleduri \
         krbprincipalname krbcanonicalname automountkey automountinformation bootfile \
         nismapentry memberurl ref monitorconnectionpeeraddress",
    ),
    (
        Rule::Octets,
        "userpassword unicodepwd objectguid objectsid sidhistory tokengroups \
         tokengroupsglobalanduniversal tokengroupsnogcacceptable jpegphoto thumbnailphoto photo \
         audio usercertificate cacertificate usersmimecertificate userpkcs12 sshpublickey \
         certificaterevocationlist authorityrevocationlist crosscertificatepair \
         ntsecuritydescriptor ms-ds-consistencyguid msexchmailboxguid logonhours \
         krbprincipalkey sambantpassword sambalmpassword ipanthash pwdhistory",
    ),
    (
        Rule::DistinguishedName,
        "member memberof owner manager secretary seealso roleoccupant distinguishedname entrydn \
         aliasedobjectname creatorsname modifiersname subschemasubentry directreports managedby \
         managedobjects objectcategory defaultobjectcategory ismemberofdl dlmem documentauthor \
         associatedname pwdpolicysubentry nsroledn nsrole memberallowed memberdn \
         msds-membertransitive msds-memberoftransitive msds-allowedtoactonbehalf \
         memberindirect memberofindirect namingcontexts defaultnamingcontext \
         rootdomainnamingcontext configurationnamingcontext schemanamingcontext lastknownparent \
         homemdb publicdelegates ipauniqueidowner",
    ),
    (Rule::NameAndOptionalUid, "uniquemember"),
    (
        Rule::Integer,
        "uidnumber gidnumber useraccountcontrol accountexpires pwdlastset lastlogon \
         lastlogontimestamp badpasswordtime badpwdcount logoncount lockouttime primarygroupid \
         grouptype samaccounttype usnchanged usncreated entryusn admincount codepage countrycode \
         instancetype systemflags searchflags shadowlastchange shadowmin shadowmax shadowwarning \
         shadowinactive shadowexpire shadowflag msds-user-account-control-computed \
         msds-supportedencryptiontypes msds-userpasswordexpirytimecomputed pwdmaxage pwdminage \
         pwdminlength pwdmaxfailure pwdinhistory pwdexpirewarning pwdgraceauthnlimit \
         pwdlockoutduration numsubordinates sambapwdlastset sambapwdmustchange \
         sambalogontime sambakickofftime krbloginfailedcount ipserviceport ipprotocolnumber \
         oncrpcnumber mailquota passwordretrycount",
    ),
    (
        Rule::Boolean,
        "pwdreset pwdlockout pwdmustchange pwdallowuserchange pwdsafemodify hassubordinates \
         isdeleted isrecycled iscriticalsystemobject ipaenabledflag pwdlockoutflag \
         showinadvancedviewonly msds-userdontexpirepassword msds-useraccountdisabled",
    ),
    (
        Rule::Time,
        "createtimestamp modifytimestamp whencreated whenchanged pwdchangedtime \
         pwdaccountlockedtime pwdlastsuccess pwdfailuretime pwdgraceusetime pwdstarttime \
         pwdendtime authtimestamp krbpasswordexpiration krblastpwdchange krblastsuccessfulauth \
         krblastfailedauth krbprincipalexpiration passwordexpirationtime accountunlocktime \
         lastlogintime retrycountresettime dscorepropagationdata",
    ),
    (Rule::Telephone, "telephonenumber mobile homephone pager facsimiletelephonenumber ipphone"),
    (Rule::ObjectClass, "objectclass structuralobjectclass"),
];

/// The name that is used here, and the other names and OIDs of the same attribute.
const SYNONYMS: [(&str, &str); 40] = [
    ("objectclass", "2.5.4.0"),
    ("aliasedobjectname", "2.5.4.1 aliasedentryname"),
    ("cn", "2.5.4.3 commonname"),
    ("sn", "2.5.4.4 surname"),
    ("serialnumber", "2.5.4.5"),
    ("c", "2.5.4.6 countryname"),
    ("l", "2.5.4.7 localityname"),
    ("st", "2.5.4.8 stateorprovincename"),
    ("street", "2.5.4.9"),
    ("o", "2.5.4.10 organizationname"),
    ("ou", "2.5.4.11 organizationalunitname"),
    ("title", "2.5.4.12"),
    ("description", "2.5.4.13"),
    ("businesscategory", "2.5.4.15"),
    ("postalcode", "2.5.4.17"),
    ("telephonenumber", "2.5.4.20"),
    ("facsimiletelephonenumber", "2.5.4.23 fax"),
    ("member", "2.5.4.31"),
    ("owner", "2.5.4.32"),
    ("seealso", "2.5.4.34"),
    ("userpassword", "2.5.4.35"),
    ("usercertificate", "2.5.4.36"),
    ("name", "2.5.4.41"),
    ("givenname", "2.5.4.42 gn"),
    ("initials", "2.5.4.43"),
    ("generationqualifier", "2.5.4.44"),
    ("x500uniqueidentifier", "2.5.4.45"),
    ("dnqualifier", "2.5.4.46"),
    ("distinguishedname", "2.5.4.49"),
    ("uniquemember", "2.5.4.50"),
    ("uid", "0.9.2342.19200300.100.1.1 userid"),
    ("mail", "0.9.2342.19200300.100.1.3 rfc822mailbox"),
    ("manager", "0.9.2342.19200300.100.1.10"),
    ("dc", "0.9.2342.19200300.100.1.25 domaincomponent"),
    ("email", "1.2.840.113549.1.9.1 emailaddress pkcs9email"),
    ("memberof", "1.2.840.113556.1.2.102"),
    ("samaccountname", "1.2.840.113556.1.4.221"),
    ("useraccountcontrol", "1.2.840.113556.1.4.8"),
    ("uidnumber", "1.3.6.1.1.1.1.0"),
    ("entryuuid", "1.3.6.1.1.16.4"),
];

/// Matching rules by name and OID, in lower case; what is not named cannot be decided here.
const MATCHING_RULES: [(Rule, &str); 10] = [
    (
        Rule::Text(Case::Ignore),
        "caseignorematch 2.5.13.2 caseignoreia5match 1.3.6.1.4.1.1466.109.114.2",
    ),
    (
        Rule::Text(Case::Exact),
        "caseexactmatch 2.5.13.5 caseexactia5match 1.3.6.1.4.1.1466.109.114.1",
    ),
    (Rule::Octets, "octetstringmatch 2.5.13.17"),
    (Rule::DistinguishedName, "distinguishednamematch 2.5.13.1"),
    (Rule::NameAndOptionalUid, "uniquemembermatch 2.5.13.23"),
    (Rule::Integer, "integermatch 2.5.13.14"),
    (Rule::Boolean, "booleanmatch 2.5.13.13"),
    (Rule::Time, "generalizedtimematch 2.5.13.27"),
    (Rule::Telephone, "telephonenumbermatch 2.5.13.20"),
    (Rule::ObjectClass, "objectidentifiermatch 2.5.13.0"),
];

/// Object classes by OID.
const CLASS_OIDS: [(&str, &str); 10] = [
    ("2.5.6.0", "top"),
    ("2.5.6.5", "organizationalunit"),
    ("2.5.6.6", "person"),
    ("2.5.6.7", "organizationalperson"),
    ("2.5.6.9", "groupofnames"),
    ("2.5.6.17", "groupofuniquenames"),
    ("2.16.840.1.113730.3.2.2", "inetorgperson"),
    ("0.9.2342.19200300.100.4.5", "account"),
    ("1.3.6.1.1.1.2.0", "posixaccount"),
    ("1.3.6.1.1.1.2.2", "posixgroup"),
];

/// An object class and the one right above it. slapd finds an entry by the classes above those
/// that it lists, and lists only those that it was given.
const SUPERIOR_CLASSES: [(&str, &str); 4] = [
    ("inetorgperson", "organizationalperson"),
    ("user", "organizationalperson"),
    ("organizationalperson", "person"),
    ("residentialperson", "person"),
];

static ATTRIBUTE_RULES: LazyLock<HashMap<&'static str, Rule>> = LazyLock::new(|| by_name(&RULES));
static NAMED_RULES: LazyLock<HashMap<&'static str, Rule>> =
    LazyLock::new(|| by_name(&MATCHING_RULES));
static CANONICAL: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let rows = SYNONYMS.iter();
    rows.flat_map(|(name, others)| others.split_whitespace().map(|other| (other, *name))).collect()
});

fn by_name(rows: &[(Rule, &'static str)]) -> HashMap<&'static str, Rule> {
    let rows = rows.iter();
    rows.flat_map(|(rule, names)| names.split_whitespace().map(|name| (name, *rule))).collect()
}

/// The equality rule of an attribute type, which is in the form of
/// [`super::attribute::AttributeDescription::attribute_type`].
pub fn equality_rule(attribute_type: &str) -> Rule {
    ATTRIBUTE_RULES.get(attribute_type).copied().unwrap_or(Rule::Text(Case::Ignore))
}

/// The longest name of [`usual_type`], and a byte for what follows it.
pub(super) const LONGEST_USUAL: usize = 4;

/// The types that nearly all names are made of, under their usual names, without a look into any
/// table. Case does not matter in their values.
pub(super) fn usual_type(text: &[u8]) -> Option<&'static str> {
    match text {
        b"dc" | b"DC" => Some("dc"),
        b"ou" | b"OU" => Some("ou"),
        b"cn" | b"CN" => Some("cn"),
        b"uid" | b"UID" => Some("uid"),
        b"o" | b"O" => Some("o"),
        _ => None,
    }
}

/// The kind of rule that a name or an OID means, without regard to case.
pub fn named_rule(name: &str) -> Option<Rule> {
    NAMED_RULES.get(name.to_ascii_lowercase().as_str()).copied()
}

/// The one name that is used here for an attribute type in lower case that has several.
pub fn canonical_name(attribute_type: &str) -> Option<&'static str> {
    CANONICAL.get(attribute_type).copied()
}

/// The name of an object class in lower case; a well-known OID is turned into it.
pub fn class_name(text: &str) -> String {
    let known = CLASS_OIDS.iter().find(|(oid, _)| *oid == text);
    known.map_or_else(|| text.to_ascii_lowercase(), |(_, name)| (*name).to_owned())
}

/// Whether an object class is another one or lies below it; both as [`class_name`] writes them.
pub fn is_class_within(class: &str, other: &str) -> bool {
    if other == "top" {
        return true;
    }
    let above = |class: &str| SUPERIOR_CLASSES.iter().find(|(below, _)| *below == class);
    std::iter::successors(Some(class), |class| above(class).map(|(_, above)| *above))
        .any(|candidate| candidate == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_type_is_what_the_tables_say() {
        for name in ["dc", "ou", "cn", "uid", "o"] {
            assert!(name.len() < LONGEST_USUAL);
            assert_eq!(equality_rule(name), Rule::Text(Case::Ignore));
            assert_eq!(canonical_name(name), None, "{name} has no other name that is used");
            for spelling in [name.to_owned(), name.to_ascii_uppercase()] {
                assert_eq!(usual_type(spelling.as_bytes()), Some(name));
            }
        }
        assert_eq!(usual_type(b"sn"), None);
    }

    #[test]
    fn no_name_stands_twice_in_a_table() {
        let count = |rows: &[(Rule, &str)]| rows.iter().flat_map(|row| row.1.split(' ')).count();
        assert_eq!(ATTRIBUTE_RULES.len(), count(&RULES));
        assert_eq!(NAMED_RULES.len(), count(&MATCHING_RULES));
        assert_eq!(CANONICAL.len(), SYNONYMS.iter().flat_map(|row| row.1.split(' ')).count());
    }

    #[test]
    fn every_table_is_in_lower_case_and_leads_to_canonical_names() {
        for name in ATTRIBUTE_RULES.keys().chain(NAMED_RULES.keys()).chain(CANONICAL.keys()) {
            assert_eq!(*name, name.to_ascii_lowercase());
        }
        for name in CANONICAL.values().chain(ATTRIBUTE_RULES.keys()) {
            assert_eq!(canonical_name(name), None, "{name} is a synonym itself");
        }
    }

    #[test]
    fn a_class_lies_within_those_above_it_and_not_within_those_below() {
        assert!(is_class_within("inetorgperson", "person"));
        assert!(is_class_within("posixaccount", "top"));
        assert!(!is_class_within("person", "inetorgperson"));
        assert_eq!(class_name("2.5.6.6"), "person");
    }
}

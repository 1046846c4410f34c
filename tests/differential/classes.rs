//! Where readers differ, and why that is right.

use super::meaning::Meaning;

/// How the gateway's reading of a message and another's go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Both understand the same.
    Same,
    /// Both accept, and understand something else.
    Otherwise,
    /// The gateway accepts what the other refuses.
    OnlyUs,
    /// The other accepts what the gateway refuses.
    OnlyThem,
    /// Both refuse.
    Neither,
}

/// A message and what two readers make of it.
pub(crate) struct Case<'a> {
    pub(crate) pdu: &'a [u8],
    pub(crate) other: &'static str,
    pub(crate) ours: &'a Result<Meaning, String>,
    pub(crate) theirs: &'a Result<Meaning, String>,
    pub(crate) verdict: Verdict,
}

impl Case<'_> {
    fn is(&self, verdict: Verdict, other: &str) -> bool {
        self.verdict == verdict && (other.is_empty() || self.other == other)
    }

    /// What the gateway understood begins with one of these.
    fn says(&self, beginnings: &[&str]) -> bool {
        let says = |meaning: &Meaning| beginnings.iter().any(|part| meaning.says.starts_with(part));
        self.ours.as_ref().is_ok_and(says)
    }

    /// The other's reason has one of these in it.
    fn they_say(&self, parts: &[&str]) -> bool {
        self.theirs.as_ref().is_err_and(|error| parts.iter().any(|part| error.contains(part)))
    }

    /// The gateway's reason has one of these in it.
    fn we_say(&self, parts: &[&str]) -> bool {
        self.ours.as_ref().is_err_and(|error| parts.iter().any(|part| error.contains(part)))
    }
}

/// A class of differences.
pub(crate) struct Class {
    pub(crate) name: &'static str,
    /// Why it is right that they differ.
    pub(crate) why: &'static str,
    pub(crate) fits: fn(&Case<'_>) -> bool,
}

const PROTO: &str = "ldap3_proto";
const RASN: &str = "rasn-ldap";

/// The list. The first class that fits a case explains it.
pub(crate) const CLASSES: &[Class] = &[
    Class {
        name: "an operation that is relayed undecoded",
        why: "its envelope is all that the gateway looks at; the directory judges the content",
        fits: |case| {
            let relayed = [
                "AddRequest",
                "DelRequest",
                "ModifyDnRequest",
                "AbandonRequest",
                "UnbindRequest",
                "IntermediateResponse",
                "SearchResultReference",
                "Unknown",
            ];
            case.is(Verdict::OnlyUs, "") && case.says(&relayed)
        },
    },
    Class {
        name: "a field that is yet unknown",
        why: "RFC 4511 section 4 has it ignored; it is relayed with the message",
        fits: |case| {
            let extra = [
                "Unexpected extra data",
                "End-of-contents",
                "LdapMessage.controls",
                "request_value",
                "response_name",
                "response_value",
                "server_sasl_creds",
                "dn_attributes",
                "OlMemDumpBer",
            ];
            case.is(Verdict::OnlyUs, "") && case.they_say(&extra)
        },
    },
    Class {
        name: "a referral that is malformed",
        why: "the gateway relays referrals as they are, and follows none",
        fits: |case| case.is(Verdict::OnlyUs, RASN) && case.they_say(&[".referral"]),
    },
    Class {
        name: "text that is not UTF-8",
        why: "the gateway keeps bytes where it does not need text, and relays them",
        fits: |case| case.is(Verdict::OnlyUs, RASN) && case.they_say(&["not valid UTF-8"]),
    },
    Class {
        name: "a number that the other does not know",
        why: "a scope, a result code or a version of an extension is the directory's to judge",
        fits: |case| {
            let numbers = [
                "larger than expected",
                "Failed to cast",
                "iscriminant",
                "alue constraint",
                "BindRequestVersion",
                "DerefAliasesValue",
                "ResultCode",
            ];
            case.is(Verdict::OnlyUs, "") && case.they_say(&numbers)
        },
    },
    Class {
        name: "an authentication choice that the other does not know",
        why: "it is answered with authMethodNotSupported, for which it has to be read",
        fits: |case| {
            case.is(Verdict::OnlyUs, "") && case.says(&["bind"]) && case.ours_is_no_simple_bind()
        },
    },
    Class {
        name: "ldap3_proto wants every field as it knows it",
        why: "it refuses text that is not UTF-8 and any number of fields but the usual one",
        fits: |case| case.is(Verdict::OnlyUs, PROTO) && case.they_say(&["Ber"]),
    },
    Class {
        name: "a length or a tag that LDAP does not allow",
        why: "RFC 4511 section 5.1 forbids the indefinite form; nine bytes of length fit nowhere",
        fits: |case| {
            let forms = ["IndefiniteLength", "LengthTooLong", "MultiByteTag"];
            case.is(Verdict::OnlyThem, "") && case.we_say(&forms)
        },
    },
    Class {
        name: "a number outside its range",
        why: "a messageID ends at 2^31-1; others cut numbers off, or read none as 0",
        fits: |case| case.is(Verdict::OnlyThem, "") && case.we_say(&["BadInteger", "BadMessageId"]),
    },
    Class {
        name: "a truth value of no or several bytes",
        why: "X.690 section 8.2.1 has one byte; ldap3_proto takes anything",
        fits: |case| case.is(Verdict::OnlyThem, PROTO) && case.we_say(&["BadBoolean"]),
    },
    Class {
        name: "controls that ldap3_proto does not look at",
        why: "its reader of bare messages leaves them out",
        fits: |case| case.is(Verdict::OnlyThem, PROTO) && case.we_say(&["in the controls"]),
    },
    Class {
        name: "substrings that are empty or doubled",
        why: "RFC 4511 section 4.5.1.7.2 has none of them empty, and one first and one last",
        fits: |case| case.is(Verdict::OnlyThem, "") && case.we_say(&["BadSubstrings"]),
    },
    Class {
        name: "a filter with parts too many or too few",
        why: "a NOT has one part, a matching rule assertion each field once and in order",
        fits: |case| {
            let parts = ["TrailingBytes", "Truncated", "UnexpectedTag { expected: 13"];
            case.is(Verdict::OnlyThem, PROTO) && case.we_say(&parts)
        },
    },
    Class {
        name: "the message's own tag",
        why: "ldap3_proto is given the message without it",
        fits: |case| case.is(Verdict::OnlyThem, PROTO) && case.we_say(&["expected: 48"]),
    },
    Class {
        name: "a string, a number or a truth value in constructed form",
        why: "RFC 4511 section 5.1 has strings primitive, X.690 the others; rasn looks at numbers only",
        fits: |case| {
            let misread = match case.verdict {
                Verdict::OnlyThem => case.we_say(&["UnexpectedTag"]),
                Verdict::Otherwise => has_constructed(case),
                Verdict::Same | Verdict::OnlyUs | Verdict::Neither => false,
            };
            case.other == RASN && misread
        },
    },
    Class {
        name: "an operation whose tag is in the other form",
        why: "neither looks whether a tag is constructed; to the gateway it is one that it does not know",
        fits: |case| case.is(Verdict::Otherwise, "") && case.says(&["Unknown"]),
    },
    Class {
        name: "a limit outside its range",
        why: "ldap3_proto cuts it to 32 bits without a sign; the directory is to refuse it",
        fits: |case| {
            let search = case.is(Verdict::Otherwise, PROTO) && case.says(&["search"]);
            search && case.ours.as_ref().is_ok_and(|meaning| has_odd_limit(&meaning.says))
        },
    },
    Class {
        name: "a name of an extended response that is not UTF-8",
        why: "ldap3_proto drops it; the gateway compares bytes with the one OID that it looks for",
        fits: |case| case.is(Verdict::Otherwise, PROTO) && case.says(&["answer"]),
    },
    Class {
        name: "fields that are one too many",
        why: "extensions come at the end, where the gateway skips them; ldap3_proto counts otherwise",
        fits: |case| {
            let otherwise = case.verdict == Verdict::Otherwise;
            let elsewhere = case.verdict == Verdict::OnlyThem;
            let skipped = otherwise && case.says(&["bound", "compare"]);
            case.other == PROTO && (skipped || elsewhere && case.we_say(&["UnexpectedTag"]))
        },
    },
    Class {
        name: "referrals that ldap3_proto drops",
        why: "it reads a result's referral only where it stands inside another sequence",
        fits: |case| {
            let results = [
                "bound",
                "answer",
                "SearchResultDone",
                "ModifyResponse",
                "AddResponse",
                "DelResponse",
                "ModifyDnResponse",
                "CompareResponse",
            ];
            let referral = case.pdu.contains(&0xa3) && case.says(&results);
            case.is(Verdict::Otherwise, PROTO) && referral
        },
    },
];

/// Whether something stands in constructed form that has none: a universal string, number or truth
/// value, or, where no set of filters bears such a tag, a field of its own.
fn has_constructed(case: &Case<'_>) -> bool {
    let fields = match case.says(&["bind", "bound", "extended", "answer"]) {
        true => 0xa0..=0xaf,
        false => 0xa4..=0xa4,
    };
    let odd = |byte: &u8| matches!(byte, 0x21 | 0x22 | 0x24 | 0x2a) || fields.contains(byte);
    case.pdu.iter().any(odd)
}

/// Whether one of the numbers of a search is below zero or beyond 2^31-1.
fn has_odd_limit(says: &str) -> bool {
    let numbers = says.split(' ').filter_map(|word| word.parse::<i64>().ok());
    numbers.into_iter().any(|number| i32::try_from(number).map_or(true, |number| number < 0))
}

impl Case<'_> {
    fn ours_is_no_simple_bind(&self) -> bool {
        let plain = |meaning: &Meaning| !meaning.says.contains("\" simple \"");
        self.ours.as_ref().is_ok_and(plain)
    }
}

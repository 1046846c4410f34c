//! Results: LDAPResult and the result codes (RFC 4511 section 4.1.9 and appendix A).

use super::ber::{self, BerError, ENUMERATED, OCTET_STRING, Reader};
use super::envelope::{MessageId, write_message};
use super::op::Operation;
use std::fmt;

pub(crate) const REFERRAL: u8 = 0xa3;
const RESPONSE_NAME: u8 = 0x8a;

/// A result code; codes that the RFC does not define are kept as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResultCode(pub u32);

macro_rules! result_codes {
    ($($name:ident = $code:literal $text:literal;)*) => {
        impl ResultCode {
            $(#[doc = concat!("`", $text, "`")] pub const $name: Self = Self($code);)*

            /// The name that the RFC gives the code.
            pub fn name(self) -> Option<&'static str> {
                match self.0 { $($code => Some($text),)* _ => None }
            }
        }
    };
}

result_codes! {
    SUCCESS = 0 "success";
    OPERATIONS_ERROR = 1 "operationsError";
    PROTOCOL_ERROR = 2 "protocolError";
    TIME_LIMIT_EXCEEDED = 3 "timeLimitExceeded";
    SIZE_LIMIT_EXCEEDED = 4 "sizeLimitExceeded";
    COMPARE_FALSE = 5 "compareFalse";
    COMPARE_TRUE = 6 "compareTrue";
    AUTH_METHOD_NOT_SUPPORTED = 7 "authMethodNotSupported";
    STRONGER_AUTH_REQUIRED = 8 "strongerAuthRequired";
    REFERRAL = 10 "referral";
    ADMIN_LIMIT_EXCEEDED = 11 "adminLimitExceeded";
    UNAVAILABLE_CRITICAL_EXTENSION = 12 "unavailableCriticalExtension";
    CONFIDENTIALITY_REQUIRED = 13 "confidentialityRequired";
    SASL_BIND_IN_PROGRESS = 14 "saslBindInProgress";
    NO_SUCH_ATTRIBUTE = 16 "noSuchAttribute";
    UNDEFINED_ATTRIBUTE_TYPE = 17 "undefinedAttributeType";
    INAPPROPRIATE_MATCHING = 18 "inappropriateMatching";
    CONSTRAINT_VIOLATION = 19 "constraintViolation";
    ATTRIBUTE_OR_VALUE_EXISTS = 20 "attributeOrValueExists";
    INVALID_ATTRIBUTE_SYNTAX = 21 "invalidAttributeSyntax";
    NO_SUCH_OBJECT = 32 "noSuchObject";
    INVALID_DN_SYNTAX = 34 "invalidDNSyntax";
    INAPPROPRIATE_AUTHENTICATION = 48 "inappropriateAuthentication";
    INVALID_CREDENTIALS = 49 "invalidCredentials";
    INSUFFICIENT_ACCESS_RIGHTS = 50 "insufficientAccessRights";
    BUSY = 51 "busy";
    UNAVAILABLE = 52 "unavailable";
    UNWILLING_TO_PERFORM = 53 "unwillingToPerform";
    NAMING_VIOLATION = 64 "namingViolation";
    OBJECT_CLASS_VIOLATION = 65 "objectClassViolation";
    ENTRY_ALREADY_EXISTS = 68 "entryAlreadyExists";
    OTHER = 80 "other";
    CANCELED = 118 "canceled";
    NO_SUCH_OPERATION = 119 "noSuchOperation";
    TOO_LATE = 120 "tooLate";
    CANNOT_CANCEL = 121 "cannotCancel";
    AUTHORIZATION_DENIED = 123 "authorizationDenied";
}

impl ResultCode {
    /// Whether this is `success`.
    pub fn is_success(self) -> bool {
        self == Self::SUCCESS
    }
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "result code {}", self.0),
        }
    }
}

/// The fields that every result has, borrowed from its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LdapResult<'a> {
    /// The result code.
    pub code: ResultCode,
    /// The last entry that was found on the way to the target.
    pub matched_dn: &'a [u8],
    /// Text for a person.
    pub diagnostic: &'a [u8],
    /// The content of the referral element, if there is one.
    pub referral: Option<&'a [u8]>,
}

impl<'a> LdapResult<'a> {
    /// A result with a code and a text.
    pub fn new(code: ResultCode, diagnostic: &'a str) -> Self {
        Self { code, matched_dn: b"", diagnostic: diagnostic.as_bytes(), referral: None }
    }

    /// Decodes the content of a response that is an LDAPResult, with whatever follows it.
    pub fn decode(content: &'a [u8]) -> Result<Self, BerError> {
        Self::read(&mut Reader::new(content))
    }

    /// Reads the fields of a result.
    pub fn read(reader: &mut Reader<'a>) -> Result<Self, BerError> {
        let code = u32::try_from(reader.enumerated()?).map_err(|_| BerError::BadInteger)?;
        let matched_dn = reader.octets()?;
        let diagnostic = reader.octets()?;
        let referral = reader.optional(REFERRAL)?.map(|element| element.content);
        Ok(Self { code: ResultCode(code), matched_dn, diagnostic, referral })
    }

    /// Appends the fields of a result.
    pub fn write_fields(&self, out: &mut Vec<u8>) {
        ber::write_integer(out, ENUMERATED, i64::from(self.code.0));
        ber::write_element(out, OCTET_STRING, self.matched_dn);
        ber::write_element(out, OCTET_STRING, self.diagnostic);
        if let Some(referral) = self.referral {
            ber::write_element(out, REFERRAL, referral);
        }
    }

    /// Appends a whole message: `response` with this result.
    pub fn write(&self, out: &mut Vec<u8>, id: MessageId, response: Operation) {
        write_message(out, id, response.tag(), |out| self.write_fields(out));
    }

    /// Appends a Notice of Disconnection (RFC 4511 section 4.4.1) with this result.
    pub fn write_notice(&self, out: &mut Vec<u8>) {
        write_message(out, MessageId::UNSOLICITED, Operation::ExtendedResponse.tag(), |out| {
            self.write_fields(out);
            ber::write_element(out, RESPONSE_NAME, super::oid::NOTICE_OF_DISCONNECTION);
        });
    }
}

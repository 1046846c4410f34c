//! The protocolOp choice (RFC 4511 section 4.2 and following): which operation a tag means.

/// An operation by its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// RFC 4511 section 4.2.
    BindRequest,
    /// RFC 4511 section 4.2.2.
    BindResponse,
    /// RFC 4511 section 4.3.
    UnbindRequest,
    /// RFC 4511 section 4.5.1.
    SearchRequest,
    /// RFC 4511 section 4.5.2.
    SearchResultEntry,
    /// RFC 4511 section 4.5.2.
    SearchResultDone,
    /// RFC 4511 section 4.5.3.
    SearchResultReference,
    /// RFC 4511 section 4.6.
    ModifyRequest,
    /// RFC 4511 section 4.6.
    ModifyResponse,
    /// RFC 4511 section 4.7.
    AddRequest,
    /// RFC 4511 section 4.7.
    AddResponse,
    /// RFC 4511 section 4.8.
    DelRequest,
    /// RFC 4511 section 4.8.
    DelResponse,
    /// RFC 4511 section 4.9.
    ModifyDnRequest,
    /// RFC 4511 section 4.9.
    ModifyDnResponse,
    /// RFC 4511 section 4.10.
    CompareRequest,
    /// RFC 4511 section 4.10.
    CompareResponse,
    /// RFC 4511 section 4.11.
    AbandonRequest,
    /// RFC 4511 section 4.12.
    ExtendedRequest,
    /// RFC 4511 section 4.12.
    ExtendedResponse,
    /// RFC 4511 section 4.13.
    IntermediateResponse,
    /// A tag that RFC 4511 does not define.
    Unknown(u8),
}

/// Tags and operations, both ways.
const TAGS: [(u8, Operation); 21] = [
    (0x60, Operation::BindRequest),
    (0x61, Operation::BindResponse),
    (0x42, Operation::UnbindRequest),
    (0x63, Operation::SearchRequest),
    (0x64, Operation::SearchResultEntry),
    (0x65, Operation::SearchResultDone),
    (0x73, Operation::SearchResultReference),
    (0x66, Operation::ModifyRequest),
    (0x67, Operation::ModifyResponse),
    (0x68, Operation::AddRequest),
    (0x69, Operation::AddResponse),
    (0x4a, Operation::DelRequest),
    (0x6b, Operation::DelResponse),
    (0x6c, Operation::ModifyDnRequest),
    (0x6d, Operation::ModifyDnResponse),
    (0x6e, Operation::CompareRequest),
    (0x6f, Operation::CompareResponse),
    (0x50, Operation::AbandonRequest),
    (0x77, Operation::ExtendedRequest),
    (0x78, Operation::ExtendedResponse),
    (0x79, Operation::IntermediateResponse),
];

impl Operation {
    /// The operation that `tag` means.
    pub const fn from_tag(tag: u8) -> Self {
        let mut index = 0;
        while index < TAGS.len() {
            if TAGS[index].0 == tag {
                return TAGS[index].1;
            }
            index += 1;
        }
        Self::Unknown(tag)
    }

    /// The tag that this operation bears on the wire.
    pub fn tag(self) -> u8 {
        if let Self::Unknown(tag) = self {
            return tag;
        }
        TAGS.iter().find(|(_, operation)| *operation == self).map_or(0, |(tag, _)| *tag)
    }

    /// The response that ends a request; `None` for what has none, and for what is no request.
    pub fn final_response(self) -> Option<Self> {
        match self {
            Self::BindRequest => Some(Self::BindResponse),
            Self::SearchRequest => Some(Self::SearchResultDone),
            Self::ModifyRequest => Some(Self::ModifyResponse),
            Self::AddRequest => Some(Self::AddResponse),
            Self::DelRequest => Some(Self::DelResponse),
            Self::ModifyDnRequest => Some(Self::ModifyDnResponse),
            Self::CompareRequest => Some(Self::CompareResponse),
            Self::ExtendedRequest => Some(Self::ExtendedResponse),
            _ => None,
        }
    }

    /// Whether a client may send this.
    pub fn is_request(self) -> bool {
        self.final_response().is_some()
            || matches!(self, Self::UnbindRequest | Self::AbandonRequest)
    }

    /// The name that slapd gives the operation in its log.
    pub fn log_name(self) -> &'static str {
        match self {
            Self::BindRequest | Self::BindResponse => "BIND",
            Self::UnbindRequest => "UNBIND",
            Self::SearchRequest
            | Self::SearchResultEntry
            | Self::SearchResultDone
            | Self::SearchResultReference => "SRCH",
            Self::ModifyRequest | Self::ModifyResponse => "MOD",
            Self::AddRequest | Self::AddResponse => "ADD",
            Self::DelRequest | Self::DelResponse => "DEL",
            Self::ModifyDnRequest | Self::ModifyDnResponse => "MODRDN",
            Self::CompareRequest | Self::CompareResponse => "CMP",
            Self::AbandonRequest => "ABANDON",
            Self::ExtendedRequest | Self::ExtendedResponse => "EXT",
            Self::IntermediateResponse => "INTERMEDIATE",
            Self::Unknown(_) => "UNKNOWN",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tag_leads_to_its_operation_and_back() {
        for tag in 0..=u8::MAX {
            assert_eq!(Operation::from_tag(tag).tag(), tag);
        }
    }

    #[test]
    fn a_request_has_the_response_that_the_rfc_gives_it() {
        assert_eq!(Operation::DelRequest.final_response(), Some(Operation::DelResponse));
        assert_eq!(Operation::AbandonRequest.final_response(), None);
        assert!(Operation::UnbindRequest.is_request());
        assert!(!Operation::SearchResultEntry.is_request());
    }
}

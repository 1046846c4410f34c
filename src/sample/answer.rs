//! One request in, the bytes of its answer out: decoding, asking the directory, encoding.

use super::Limits;
use super::directory::{Directory, Found, Refusal};
use crate::proto::ber::BerError;
use crate::proto::bind::{Authentication, BindRequest};
use crate::proto::control::Control;
use crate::proto::envelope::{Envelope, MessageId};
use crate::proto::extended::{ExtendedRequest, ExtendedResponse};
use crate::proto::modify::{CompareRequest, ModifyRequest};
use crate::proto::oid;
use crate::proto::op::Operation;
use crate::proto::result::{LdapResult, ResultCode};
use crate::proto::search::SearchRequest;

/// The name that a connection is bound as, in the directory's spelling; `None` is anonymous.
pub(super) type Identity = Option<String>;

/// What is sent for a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing: the request has no response.
    Nothing,
    /// One message.
    Message(Vec<u8>),
    /// A search's entries and the message that ends it.
    Entries(Found),
    /// Nothing, and the connection ends: the client said good-bye.
    Goodbye,
}

/// Answers a request; an error means that it is malformed and the connection has to end.
pub(super) fn answer(
    directory: &Directory,
    limits: &Limits,
    identity: &mut Identity,
    request: &Envelope<'_>,
) -> Result<Answer, BerError> {
    match request.operation {
        Operation::UnbindRequest => return Ok(Answer::Goodbye),
        Operation::AbandonRequest => return Ok(Answer::Nothing),
        // RFC 4513 section 4: anonymous from here on, whatever becomes of the bind.
        Operation::BindRequest => *identity = None,
        _ => {}
    }
    if asks_the_unknown(request, limits)? {
        let text = "critical control is not supported";
        let refusal = Refusal::new(ResultCode::UNAVAILABLE_CRITICAL_EXTENSION, text);
        return Ok(Answer::Message(refused(request, &refusal)));
    }
    let content = request.content;
    let outcome = match request.operation {
        Operation::BindRequest => {
            bind(directory, &BindRequest::decode(content)?).map(|name| *identity = name)
        }
        Operation::SearchRequest => {
            match directory.search(&SearchRequest::decode(content)?, limits.entries) {
                Ok(found) => return Ok(Answer::Entries(found)),
                Err(refusal) => Err(refusal),
            }
        }
        Operation::CompareRequest => compare(directory, &CompareRequest::decode(content)?),
        Operation::ModifyRequest => {
            modify(directory, identity.as_deref(), &ModifyRequest::decode(content)?)
        }
        Operation::ExtendedRequest => {
            let extended = ExtendedRequest::decode(content)?;
            if extended.name == oid::WHO_AM_I {
                return Ok(Answer::Message(who_am_i(request.id, identity.as_deref())));
            }
            Err(Refusal::new(ResultCode::PROTOCOL_ERROR, "unsupported extended operation"))
        }
        _ => {
            let text = "the sample directory does not do that";
            Err(Refusal::new(ResultCode::UNWILLING_TO_PERFORM, text))
        }
    };
    let outcome = outcome.err().unwrap_or(Refusal::new(ResultCode::SUCCESS, ""));
    Ok(Answer::Message(refused(request, &outcome)))
}

/// The message that ends `request` with a code and a text.
pub(super) fn refused(request: &Envelope<'_>, refusal: &Refusal) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(response) = request.operation.final_response() {
        let matched_dn = refusal.matched_dn.as_bytes();
        let result = LdapResult { matched_dn, ..LdapResult::new(refusal.code, refusal.text) };
        result.write(&mut out, request.id, response);
    }
    out
}

fn asks_the_unknown(request: &Envelope<'_>, limits: &Limits) -> Result<bool, BerError> {
    let controls = Control::decode_all(request.controls.unwrap_or_default(), limits.controls)?;
    Ok(controls.iter().any(|control| control.critical))
}

fn bind(directory: &Directory, request: &BindRequest<'_>) -> Result<Identity, Refusal> {
    if request.version != 3 {
        return Err(Refusal::new(ResultCode::PROTOCOL_ERROR, "only version 3 is served"));
    }
    match request.authentication {
        Authentication::Simple(password) => directory.bind(request.name, password),
        Authentication::Sasl { .. } | Authentication::Unknown(_) => {
            let text = "only simple binds are served";
            Err(Refusal::new(ResultCode::AUTH_METHOD_NOT_SUPPORTED, text))
        }
    }
}

/// A compare's answer is a code of its own in either case.
fn compare(directory: &Directory, request: &CompareRequest<'_>) -> Result<(), Refusal> {
    let code = match directory.compare(request)? {
        true => ResultCode::COMPARE_TRUE,
        false => ResultCode::COMPARE_FALSE,
    };
    Err(Refusal::new(code, ""))
}

fn modify(
    directory: &Directory,
    identity: Option<&str>,
    request: &ModifyRequest<'_>,
) -> Result<(), Refusal> {
    if identity.is_none() {
        let text = "modifications require authentication";
        return Err(Refusal::new(ResultCode::STRONGER_AUTH_REQUIRED, text));
    }
    directory.modify(request)
}

/// RFC 4532 section 2.2: an empty identity means anonymous.
fn who_am_i(id: MessageId, identity: Option<&str>) -> Vec<u8> {
    let identity = identity.map_or_else(String::new, |dn| format!("dn:{dn}"));
    let result = LdapResult::new(ResultCode::SUCCESS, "");
    let mut out = Vec::new();
    ExtendedResponse { result, name: None, value: Some(identity.as_bytes()) }.write(&mut out, id);
    out
}

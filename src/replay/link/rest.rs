//! A [`Link`] over Upstash's REST interface: a batch is one `POST /pipeline`.
//!
//! A pipeline is not a transaction: each of its commands is answered by itself, in order. Commands arrive here encoded, as
//! for any link, and are put into JSON; an argument that is not UTF-8 cannot be, and is refused before the request goes.

use std::collections::VecDeque;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::Value;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector as _, TcpConnector};

use super::rest_tls::Tls;
use super::target::Target;
use super::{Link, LinkError, Reply};
use super::{tls, wire};
use crate::bundle::resp::CommandReader;
use crate::replay::look::query::ask;
use crate::text::Printable;

/// Nothing that is asked here has a larger answer.
const MAX_ANSWER: u64 = 256 * 1024 * 1024;
/// Nor one with deeper arrays.
const MAX_DEPTH: usize = 8;

/// A connection of a kind: HTTP has none that lasts, but the token is known to be right.
pub struct RestLink {
    agent: ureq::Agent,
    url: String,
    /// `Bearer …`.
    authorization: String,
    target: String,
    replies: VecDeque<Reply>,
    /// Whether strings come in base64, as they are asked for: a server that does not know that sends text.
    in_base64: bool,
    /// What makes reads see our own writes, whichever server answers.
    sync_token: Option<String>,
    failed: bool,
}

impl RestLink {
    /// Asks for a sign of life.
    pub fn open(target: &Target) -> Result<Self, LinkError> {
        let shown = target.to_string();
        let Some(token) = &target.password else { return Err(LinkError::TokenNeeded { target: shown }) };
        let token =
            std::str::from_utf8(token.expose()).ok().filter(|token| token.chars().all(|c| c.is_ascii_graphic()));
        let Some(token) = token else {
            let cause = "a token has only letters, digits and signs".into();
            return Err(LinkError::Refused { target: shown, what: "to log in", cause });
        };
        let host = if target.host.contains(':') { format!("[{}]", target.host) } else { target.host.clone() };
        let scheme = if target.tls { "https" } else { "http" };
        let path = target.rest.as_deref().unwrap_or_default();
        let mut link = Self {
            agent: agent(target)?,
            url: format!("{scheme}://{host}:{}{path}/pipeline", target.port),
            authorization: format!("Bearer {token}"),
            target: shown.clone(),
            replies: VecDeque::new(),
            in_base64: false,
            sync_token: None,
            failed: false,
        };
        match ask(&mut link, &["PING"])? {
            Reply::Bulk(text) if text == b"PONG" => Ok(link),
            Reply::Bulk(text) if BASE64.decode(&text).is_ok_and(|text| text == b"PONG") => {
                link.in_base64 = true;
                Ok(link)
            }
            Reply::Error(error) => {
                Err(LinkError::Refused { target: shown, what: "to answer", cause: error.to_string() })
            }
            _ => Err(LinkError::Protocol { target: shown }),
        }
    }

    fn post(&mut self, body: &[u8], commands: usize) -> Result<(), LinkError> {
        let mut request = self
            .agent
            .post(&self.url)
            .header("Authorization", &self.authorization)
            .header("Content-Type", "application/json")
            .header("Upstash-Encoding", "base64");
        if let Some(token) = &self.sync_token {
            request = request.header("Upstash-Sync-Token", token);
        }
        let mut response = request.send(body).map_err(|error| self.failure(&error))?;
        let status = response.status().as_u16();
        if let Some(token) = response.headers().get("upstash-sync-token").and_then(|token| token.to_str().ok()) {
            self.sync_token = Some(token.to_owned());
        }
        let answer = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
        let answer = answer.map_err(|error| self.failure(&error))?;
        let answer: Option<Value> = serde_json::from_slice(&answer).ok();
        let target = self.target.clone();
        match (status, answer) {
            (200, Some(Value::Array(answers))) if answers.len() == commands => {
                for answer in answers {
                    let reply = reply(answer, self.in_base64).ok_or(LinkError::Protocol { target: target.clone() })?;
                    self.replies.push_back(reply);
                }
                Ok(())
            }
            (200, _) => Err(LinkError::Protocol { target }),
            (401 | 403, _) => {
                Err(LinkError::Refused { target, what: "to log in", cause: "the token is not right".into() })
            }
            (status, answer) => {
                let text = answer.as_ref().and_then(|answer| answer.get("error")?.as_str());
                let cause = text.map(|text| format!(" ({})", Printable(text.as_bytes()))).unwrap_or_default();
                Err(LinkError::Http { target, status, cause })
            }
        }
    }

    /// No text of the error is repeated beyond what names its kind: it could hold a header.
    fn failure(&self, error: &ureq::Error) -> LinkError {
        let target = self.target.clone();
        match error {
            ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => {
                LinkError::Connect { target, cause: "no answer in time".into() }
            }
            ureq::Error::Timeout(_) => LinkError::Timeout { target, after: self.timeout() },
            ureq::Error::HostNotFound => LinkError::Connect { target, cause: "no such host".into() },
            ureq::Error::ConnectionFailed => LinkError::Connect { target, cause: "nobody answers there".into() },
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                LinkError::Connect { target, cause: error.to_string() }
            }
            ureq::Error::Io(error) => match tls::error_of(error) {
                Some(error) => of_tls(target, error),
                None if wire::is_closed(error) => LinkError::Closed { target },
                None => LinkError::Io { target, cause: wire::cause(error) },
            },
            ureq::Error::Rustls(error) => of_tls(target, error),
            ureq::Error::Protocol(_) => LinkError::Protocol { target },
            _ => LinkError::Io { target, cause: "the request failed".into() },
        }
    }

    fn timeout(&self) -> std::time::Duration {
        self.agent.config().timeouts().recv_response.unwrap_or_default()
    }
}

impl Link for RestLink {
    fn send(&mut self, commands: &[u8]) -> Result<(), LinkError> {
        if self.failed {
            return Err(LinkError::Unusable { target: self.target.clone() });
        }
        let mut reader = CommandReader::new(commands);
        let mut body = vec![b'['];
        let mut count: usize = 0;
        while let Some(command) = reader.next_command().map_err(|_| LinkError::NotText)? {
            let texts: Result<Vec<&str>, _> = command.args.iter().map(|arg| std::str::from_utf8(arg)).collect();
            if count > 0 {
                body.push(b',');
            }
            // Text can always be written as JSON.
            serde_json::to_writer(&mut body, &texts.map_err(|_| LinkError::NotText)?)
                .map_err(|_| LinkError::NotText)?;
            count = count.saturating_add(1);
        }
        body.push(b']');
        if count == 0 {
            return Ok(());
        }
        self.post(&body, count).inspect_err(|_| self.failed = true)
    }

    fn receive(&mut self) -> Result<Reply, LinkError> {
        self.replies.pop_front().ok_or_else(|| LinkError::Unusable { target: self.target.clone() })
    }

    /// The service has one database; and nobody knows which connection of its own it uses for the next request.
    fn select(&mut self, db: u32) -> Result<(), LinkError> {
        match db {
            0 => Ok(()),
            db => Err(LinkError::Database { db, cause: "REST knows database 0 only".into() }),
        }
    }
}

/// `{"result": …}` or `{"error": "…"}`.
fn reply(answer: Value, in_base64: bool) -> Option<Reply> {
    let Value::Object(mut answer) = answer else { return None };
    if let Some(Value::String(text)) = answer.remove("error") {
        return Some(Reply::Error(text.into()));
    }
    result(answer.remove("result")?, in_base64, MAX_DEPTH)
}

/// Strings are base64, except for `OK`, which stays as it is; a status cannot be told from a string.
fn result(value: Value, in_base64: bool, depth: usize) -> Option<Reply> {
    Some(match value {
        Value::Null => Reply::Nil,
        Value::Number(number) => match number.as_i64() {
            Some(number) => Reply::Integer(number),
            None => Reply::Double(number.as_f64()?),
        },
        Value::String(text) if text == "OK" => Reply::Status(text),
        Value::String(text) if in_base64 => Reply::Bulk(BASE64.decode(text).ok()?),
        Value::String(text) => Reply::Bulk(text.into_bytes()),
        Value::Array(items) => {
            let depth = depth.checked_sub(1)?;
            Reply::Array(items.into_iter().map(|item| result(item, in_base64, depth)).collect::<Option<_>>()?)
        }
        Value::Bool(_) | Value::Object(_) => return None,
    })
}

fn of_tls(target: String, error: &rustls::Error) -> LinkError {
    let (cause, hint) = tls::words(error);
    LinkError::Tls { target, cause: cause.into(), hint }
}

fn agent(target: &Target) -> Result<ureq::Agent, LinkError> {
    let timeouts = target.timeouts;
    let mut config = ureq::Agent::config_builder();
    if !target.tls {
        // In clear text the token stays on this machine.
        config = config.proxy(None);
    }
    let config = config
        // A status is an answer to be read, and a redirection would carry the token elsewhere.
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_connect(Some(timeouts.connect))
        .timeout_send_body(Some(timeouts.reply))
        .timeout_recv_response(Some(timeouts.reply))
        .timeout_recv_body(Some(timeouts.reply))
        .build();
    let tls = Tls(tls::config(target.tls_ca.as_deref(), None)?);
    let connector = ().chain(ConnectProxyConnector::default()).chain(TcpConnector::default()).chain(tls);
    Ok(ureq::Agent::with_parts(config, connector, DefaultResolver::default()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    fn read(text: &str, in_base64: bool) -> Option<Reply> {
        reply(serde_json::from_str(text).unwrap(), in_base64)
    }

    #[test]
    fn answers_as_the_service_writes_them() {
        // RFC 4648, section 10: "foobar" is Zm9vYmFy.
        assert_eq!(read(r#"{"result":"Zm9vYmFy"}"#, true), Some(Reply::Bulk(b"foobar".to_vec())));
        assert_eq!(read(r#"{"result":"Zm9vYmFy"}"#, false), Some(Reply::Bulk(b"Zm9vYmFy".to_vec())));
        assert_eq!(read(r#"{"result":"OK"}"#, true), Some(Reply::Status("OK".into())));
        assert_eq!(read(r#"{"result":7}"#, true), Some(Reply::Integer(7)));
        assert_eq!(read(r#"{"result":null}"#, true), Some(Reply::Nil));
        assert_eq!(read(r#"{"error":"WRONGTYPE x"}"#, true), Some(Reply::Error("WRONGTYPE x".into())));
        let list = Reply::Array(vec![Reply::Integer(1), Reply::Nil, Reply::Bulk(b"f".to_vec())]);
        assert_eq!(read(r#"{"result":[1,null,"Zg=="]}"#, true), Some(list));
        for wrong in [r#"{"result":"%"}"#, r#"{"result":{}}"#, "{}", "7", r#"{"result":[[[[[[[[[1]]]]]]]]]}"#] {
            assert_eq!(read(wrong, true), None, "{wrong}");
        }
    }
}

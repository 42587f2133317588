//! The connection that all clients are made of.

use std::{error::Error, time::Duration};

use bespoke_proto::ConvertError;
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint},
};

use crate::ClientError;

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often to ask whether the other side lives. A watched study may be silent for hours, and a router that was
/// switched off says no goodbye.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// How long to wait for that answer. A board that measures with all its cores may be slow to give it.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// A connection and its address, which errors name.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) channel: Channel,
    url: String,
}

// === impl Connection ===

impl Connection {
    pub(crate) async fn open(url: &str) -> Result<Self, ClientError> {
        let url = url.to_owned();
        let endpoint = match Endpoint::from_shared(url.clone()) {
            Ok(endpoint) if endpoint.uri().scheme_str() == Some("http") => endpoint,
            _ => return Err(ClientError::Address { url }),
        };
        let connected = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .connect()
            .await;
        match connected {
            Ok(channel) => Ok(Self { channel, url }),
            Err(error) => Err(ClientError::Unreachable {
                url,
                source: error.into(),
            }),
        }
    }

    /// The answer in domain types.
    pub(crate) fn answer<W, D>(
        &self,
        response: Result<Response<W>, Status>,
    ) -> Result<D, ClientError>
    where
        D: TryFrom<W, Error = ConvertError>,
    {
        self.convert(self.received(response)?)
    }

    /// The answer as it was sent.
    pub(crate) fn received<W>(
        &self,
        response: Result<Response<W>, Status>,
    ) -> Result<W, ClientError> {
        match response {
            Ok(response) => Ok(response.into_inner()),
            Err(status) => Err(self.failed(status)),
        }
    }

    pub(crate) fn convert<W, D>(&self, message: W) -> Result<D, ClientError>
    where
        D: TryFrom<W, Error = ConvertError>,
    {
        D::try_from(message).map_err(|reason| self.malformed(reason))
    }

    pub(crate) fn malformed(&self, reason: ConvertError) -> ClientError {
        let url = self.url.clone();
        ClientError::Malformed { url, reason }
    }

    /// A status that came from the other side has no source; one that this side made of a broken connection has.
    pub(crate) fn failed(&self, status: Status) -> ClientError {
        if status.source().is_some() {
            return ClientError::Unreachable {
                url: self.url.clone(),
                source: status.message().into(),
            };
        }
        ClientError::Refused {
            message: status.message().to_owned(),
            code: status.code(),
        }
    }
}

/// The message of a domain value, ready to be sent.
pub(crate) fn request<W>(value: impl Into<W>) -> Request<W> {
    Request::new(value.into())
}

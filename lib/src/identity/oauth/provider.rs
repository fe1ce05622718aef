//! Calls to a provider: where it is, the exchange of a code, who somebody is.

use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode};
use oauth2::basic::{
    BasicErrorResponse, BasicErrorResponseType, BasicRevocationErrorResponse,
    BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret,
    CsrfToken, EndpointNotSet, EndpointSet, ExtraTokenFields, HttpRequest, HttpResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    StandardRevocableToken, StandardTokenResponse, TokenResponse, TokenUrl,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::claims::Claims;
use super::id_token::{self, Expected, Refusal};
use super::{REFUSED, github};
use crate::App;
use crate::crypto::secret::sha256_hex;
use crate::error::{Error, Result, chain};
use crate::models::oauth_state::{Started, State};
use crate::runtime::background::BoxFuture;
use crate::runtime::config::{Protocol, ProviderConfig};
use crate::runtime::http_client::{self, may_receive_secrets};

/// What a provider says of itself (OpenID Connect Discovery 1.0 § 3); of GitHub,
/// which does not, what its documentation says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Metadata {
    pub(super) issuer: String,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) jwks_uri: String,
    pub(super) userinfo_endpoint: Option<String>,
    #[serde(default = "basic_alone")]
    pub(super) token_endpoint_auth_methods_supported: Vec<String>,
    /// Whether its answers name it (RFC 9207).
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

fn basic_alone() -> Vec<String> {
    vec!["client_secret_basic".to_owned()]
}

#[derive(Serialize, Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WithIdToken {
    id_token: Option<String>,
}

impl ExtraTokenFields for WithIdToken {}

type Tokens = StandardTokenResponse<WithIdToken, BasicTokenType>;

type Oauth2 = Client<
    BasicErrorResponse,
    Tokens,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// A provider, as one sign-in needs it.
pub(super) struct Provider<'a> {
    app: &'a App,
    config: &'a ProviderConfig,
    pub(super) metadata: Metadata,
}

impl<'a> Provider<'a> {
    /// With what it says of itself, which Redis keeps for an hour.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when it does not answer, or not as it should.
    pub(super) fn find(app: &'a App, config: &'a ProviderConfig) -> BoxFuture<'a, Result<Self>> {
        Box::pin(async move {
            let metadata = match config.protocol {
                Protocol::GitHub => github::metadata(&config.issuer),
                Protocol::OpenId => {
                    let key = format!("metadata:{}", sha256_hex(config.issuer.as_bytes()));
                    let loaded = app.providers().get_or(&key, discover(app, config));
                    loaded.await?
                }
            };
            Ok(Self {
                app,
                config,
                metadata,
            })
        })
    }

    /// Where the browser goes.
    pub(super) fn authorization_url(&self, started: &Started) -> Result<String> {
        let verifier = PkceCodeVerifier::new(started.verifier.expose().to_owned());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        let state = CsrfToken::new(started.state.expose().to_owned());
        let scopes: &[&str] = match self.config.protocol {
            Protocol::OpenId => &["openid", "email", "profile"],
            Protocol::GitHub => &["read:user", "user:email"],
        };
        let client = self.client()?;
        let mut request = client
            .authorize_url(|| state)
            .set_pkce_challenge(challenge)
            .add_scopes(scopes.iter().map(|scope| Scope::new((*scope).to_owned())));
        if self.config.protocol == Protocol::OpenId {
            request = request.add_extra_param("nonce", started.nonce.as_str());
        }
        Ok(request.url().0.into())
    }

    /// Who has signed in, for the code that came back.
    ///
    /// # Errors
    ///
    /// [`REFUSED`] for what the provider, or we, do not take;
    /// [`Error::Unavailable`].
    pub(super) fn claims<'b>(
        &'b self,
        code: &'b str,
        state: &'b State,
    ) -> BoxFuture<'b, Result<Claims>> {
        Box::pin(async move {
            let tokens = self.exchange(code, state).await?;
            let access_token = tokens.access_token().secret();
            match self.config.protocol {
                Protocol::GitHub => github::claims(self, access_token).await,
                Protocol::OpenId => {
                    let id_token = tokens.extra_fields().id_token.as_deref();
                    let id_token = id_token.ok_or_else(|| self.refused("no ID token came"))?;
                    let claims = self.verify(id_token, state).await?;
                    self.complete(claims, access_token).await
                }
            }
        })
    }

    async fn exchange(&self, code: &str, state: &State) -> Result<Tokens> {
        let verifier = PkceCodeVerifier::new(state.verifier.expose().to_owned());
        let client = self.client()?;
        let exchanged = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(verifier)
            .request_async(self)
            .await;
        exchanged.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: RequestTokenError<Fault, BasicErrorResponse>) -> Error {
        match error {
            RequestTokenError::Request(Fault(error)) => error,
            RequestTokenError::ServerResponse(told) => self.told(told.error()),
            // GitHub refuses with 200.
            RequestTokenError::Parse(_, body) => {
                match serde_json::from_slice::<BasicErrorResponse>(&body) {
                    Ok(told) => self.told(told.error()),
                    Err(_) => Error::unavailable("a provider's answer cannot be understood"),
                }
            }
            RequestTokenError::Other(_) => {
                Error::unavailable("a provider's answer is not the one that is due")
            }
        }
    }

    fn told(&self, error: &BasicErrorResponseType) -> Error {
        match error {
            BasicErrorResponseType::InvalidClient | BasicErrorResponseType::UnauthorizedClient => {
                let provider = &self.config.name;
                Error::internal(format!("{provider} refuses our client id or secret"))
            }
            BasicErrorResponseType::InvalidGrant => self.refused("the code is of no use"),
            _ => self.refused("it refuses the exchange"),
        }
    }

    /// What we do not take is told to the log; never the token itself.
    pub(super) fn refused(&self, cause: &'static str) -> Error {
        let provider = self.config.name.as_str();
        tracing::warn!(provider, cause, "a provider's answer was refused");
        REFUSED
    }

    async fn verify(&self, id_token: &str, state: &State) -> Result<Claims> {
        let expected = Expected {
            issuer: &self.metadata.issuer,
            client_id: &self.config.client_id,
            nonce: &state.nonce,
            now: self.app.clock().now(),
        };
        let mut verified = id_token::verify(id_token, &self.keys().await?, &expected);
        if let Err(Refusal::UnknownKey) = verified {
            // It may have changed them within the hour.
            self.app.providers().invalidate().await;
            verified = id_token::verify(id_token, &self.keys().await?, &expected);
        }
        verified.map_err(|refusal| match refusal {
            Refusal::UnknownKey => self.refused("the ID token names a key that is not known"),
            Refusal::Because(sentence) => {
                let provider = self.config.name.as_str();
                tracing::warn!(provider, cause = sentence, "an ID token was refused");
                REFUSED
            }
        })
    }

    async fn keys(&self) -> Result<Vec<Value>> {
        let address = &self.metadata.jwks_uri;
        let key = format!("keys:{}", sha256_hex(address.as_bytes()));
        let fetched = self.get::<Keys>(address, None);
        Ok(self.app.providers().get_or(&key, fetched).await?.keys)
    }

    /// Providers may leave everything but `sub` out of an ID token, and tell it
    /// when they are asked (OpenID Connect Core 1.0 § 5.3, 5.4).
    async fn complete(&self, claims: Claims, access_token: &str) -> Result<Claims> {
        let Some(address) = &self.metadata.userinfo_endpoint else {
            return Ok(claims);
        };
        if claims.email.is_some() {
            return Ok(claims);
        }
        let told: Claims = self.get(address, Some(access_token)).await?;
        if told.sub != claims.sub {
            return Err(self.refused("it tells of somebody else than the ID token"));
        }
        Ok(told)
    }

    /// Asks for JSON.
    ///
    /// # Errors
    ///
    /// As [`Provider::claims`].
    pub(super) fn get<'b, T: DeserializeOwned>(
        &'b self,
        address: &'b str,
        access_token: Option<&'b str>,
    ) -> BoxFuture<'b, Result<T>> {
        let answered = get(self.app, self.config, address, access_token);
        Box::pin(async move {
            let answer = answered.await?;
            if access_token.is_some() && answer.status.is_client_error() {
                return Err(self.refused("it does not take its own access token"));
            }
            understood(&answer)
        })
    }

    fn client(&self) -> Result<Oauth2> {
        let unusable = |_| Error::unavailable("a provider names an address that is none");
        let Metadata {
            authorization_endpoint,
            token_endpoint,
            token_endpoint_auth_methods_supported: methods,
            ..
        } = &self.metadata;
        let basic = methods.iter().any(|name| name == "client_secret_basic");
        let redirect = redirect_uri(self.app, &self.config.name);
        Ok(Client::new(ClientId::new(self.config.client_id.clone()))
            .set_client_secret(ClientSecret::new(
                self.config.client_secret.expose().to_owned(),
            ))
            .set_auth_type(if basic {
                AuthType::BasicAuth
            } else {
                AuthType::RequestBody
            })
            .set_auth_uri(AuthUrl::new(authorization_endpoint.clone()).map_err(unusable)?)
            .set_token_uri(TokenUrl::new(token_endpoint.clone()).map_err(unusable)?)
            .set_redirect_uri(RedirectUrl::new(redirect).map_err(unusable)?))
    }
}

impl<'c> AsyncHttpClient<'c> for Provider<'_> {
    type Error = Fault;
    type Future = BoxFuture<'c, Result<HttpResponse, Fault>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let answer = send(self.app, self.config, request.map(Into::into)).await;
            let answer = answer.map_err(Fault)?;
            let mut response = HttpResponse::new(answer.body.into());
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            Ok(response)
        })
    }
}

/// Where a provider sends the browser: an address of the configuration, never
/// of the request, whose host is the caller's to choose.
fn redirect_uri(app: &App, provider: &str) -> String {
    let site = &app.config().studio.site_url;
    format!("{site}/api/auth/oauth/callback/{provider}")
}

/// What the crate `oauth2` hands on of a call that failed.
#[derive(Debug, thiserror::Error)]
#[error("a call to a provider failed")]
pub(super) struct Fault(#[source] Error);

async fn discover(app: &App, config: &ProviderConfig) -> Result<Metadata> {
    let address = format!("{}/.well-known/openid-configuration", config.issuer);
    let metadata: Metadata = understood(&get(app, config, &address, None).await?)?;
    // Some end in a slash, which the configuration does without.
    if metadata.issuer.trim_end_matches('/') != config.issuer {
        return Err(Error::unavailable("a provider says that it is another"));
    }
    // The browser is sent there.
    let address = metadata.authorization_endpoint.parse();
    if !address.is_ok_and(|address| may_receive_secrets(&address)) {
        return Err(Error::unavailable("a provider names no address of a page"));
    }
    Ok(metadata)
}

async fn get(
    app: &App,
    config: &ProviderConfig,
    address: &str,
    access_token: Option<&str>,
) -> Result<http_client::HttpResponse> {
    let mut request = Request::builder()
        .method(Method::GET)
        .uri(address)
        .header(ACCEPT, "application/json")
        // GitHub answers nobody who does not say what they are.
        .header(USER_AGENT, "sabor");
    if let Some(token) = access_token {
        let bearer = HeaderValue::try_from(format!("Bearer {token}"));
        let mut bearer =
            bearer.map_err(|_| Error::unavailable("an access token is no header's value"))?;
        bearer.set_sensitive(true);
        request = request.header(AUTHORIZATION, bearer);
    }
    let request = request.body(http_body_util::Full::default());
    let request = request.map_err(|error| Error::Unavailable(Box::new(error)))?;
    send(app, config, request).await
}

/// Any answer but that the provider is out of order.
async fn send(
    app: &App,
    config: &ProviderConfig,
    request: Request<http_body_util::Full<hyper::body::Bytes>>,
) -> Result<http_client::HttpResponse> {
    let answer = app.http_client().send(request, config.deadline).await;
    let answer = answer.map_err(|failure| unavailable(config, &chain(&failure)))?;
    let status = answer.status;
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        let cause = format!("HTTP status {}", status.as_u16());
        return Err(unavailable(config, &cause));
    }
    Ok(answer)
}

fn unavailable(config: &ProviderConfig, cause: &str) -> Error {
    Error::unavailable(format!("{}: {cause}", config.name))
}

fn understood<T: DeserializeOwned>(answer: &http_client::HttpResponse) -> Result<T> {
    if answer.status != StatusCode::OK {
        let status = answer.status.as_u16();
        return Err(Error::unavailable(format!(
            "a provider answers with HTTP status {status}"
        )));
    }
    // What serde says may quote the answer.
    serde_json::from_slice(&answer.body)
        .map_err(|_| Error::unavailable("a provider's answer cannot be understood"))
}

//! Requests to a provider: the authorization URL, the exchange of the code, and the
//! claims about the user.

use oauth2::basic::{
    BasicErrorResponse, BasicErrorResponseType, BasicRevocationErrorResponse,
    BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EndpointNotSet, EndpointSet, ExtraTokenFields, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RequestTokenError, Scope, StandardRevocableToken, StandardTokenResponse,
    TokenResponse, TokenUrl,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::claims::Claims;
use super::errors::REFUSED;
use super::github;
use super::id_token::{self, Expected, TokenError};
use super::metadata::{self, Metadata};
use super::request::{ProviderClient, RequestError};
use crate::App;
use crate::crypto::secret::sha256_hex;
use crate::error::{Error, Result};
use crate::models::oauth_state::{AuthorizationRequest, State};
use crate::runtime::config::{Protocol, ProviderConfig};

#[derive(Serialize, Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

#[derive(Debug, Serialize, Deserialize)]
struct IdTokenField {
    id_token: Option<String>,
}

impl ExtraTokenFields for IdTokenField {}

type Tokens = StandardTokenResponse<IdTokenField, BasicTokenType>;

type OAuthClient = Client<
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

/// A provider with its metadata.
pub(super) struct Provider<'a> {
    client: ProviderClient<'a>,
    pub(super) metadata: Metadata,
}

impl<'a> Provider<'a> {
    /// Loads the metadata of a provider. The metadata of an OpenID Connect provider is cached
    /// in Redis for an hour.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if the provider does not respond, or if its metadata is
    /// invalid.
    pub(super) async fn load(app: &'a App, config: &'a ProviderConfig) -> Result<Self> {
        let client = ProviderClient { app, config };
        let metadata = match config.protocol {
            Protocol::GitHub => github::metadata(&config.issuer),
            Protocol::OpenId => {
                let key = format!("metadata:{}", sha256_hex(config.issuer.as_bytes()));
                let cache = app.providers();
                cache.get_or_load(&key, metadata::discover(&client)).await?
            }
        };
        Ok(Self { client, metadata })
    }

    /// Returns the URL of the authorization request.
    pub(super) fn authorization_url(&self, parameters: &AuthorizationRequest) -> Result<String> {
        let verifier = PkceCodeVerifier::new(parameters.verifier.expose().to_owned());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        let state = CsrfToken::new(parameters.state.expose().to_owned());
        let protocol = self.client.config.protocol;
        let scopes: &[&str] = match protocol {
            Protocol::OpenId => &["openid", "email", "profile"],
            Protocol::GitHub => &["read:user", "user:email"],
        };
        let client = self.oauth_client()?;
        let mut request = client
            .authorize_url(|| state)
            .set_pkce_challenge(challenge)
            .add_scopes(scopes.iter().map(|scope| Scope::new((*scope).to_owned())));
        if protocol == Protocol::OpenId {
            request = request.add_extra_param("nonce", parameters.nonce.as_str());
        }
        Ok(request.url().0.into())
    }

    /// Exchanges the code for tokens and returns the claims about the user.
    ///
    /// # Errors
    ///
    /// [`REFUSED`] if the provider or Sabor rejects the code or the ID token;
    /// [`Error::Internal`] if the provider rejects the client id or secret;
    /// [`Error::Unavailable`].
    pub(super) async fn claims(&self, code: &str, state: &State) -> Result<Claims> {
        let tokens = self.exchange(code, state).await?;
        let access_token = tokens.access_token().secret();
        match self.client.config.protocol {
            Protocol::GitHub => github::claims(&self.client, &self.metadata, access_token).await,
            Protocol::OpenId => {
                let id_token = tokens.extra_fields().id_token.as_deref();
                let id_token = id_token.ok_or_else(|| self.refuse("the ID token is missing"))?;
                let claims = self.verify(id_token, state).await?;
                self.add_userinfo(claims, access_token).await
            }
        }
    }

    async fn exchange(&self, code: &str, state: &State) -> Result<Tokens> {
        let verifier = PkceCodeVerifier::new(state.verifier.expose().to_owned());
        let client = self.oauth_client()?;
        let exchanged = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(verifier)
            .request_async(&self.client)
            .await;
        exchanged.map_err(|error| self.exchange_error(error))
    }

    fn exchange_error(&self, error: RequestTokenError<RequestError, BasicErrorResponse>) -> Error {
        match error {
            RequestTokenError::Request(RequestError(error)) => error,
            RequestTokenError::ServerResponse(response) => self.token_error(response.error()),
            // GitHub sends errors with status 200.
            RequestTokenError::Parse(_, body) => {
                match serde_json::from_slice::<BasicErrorResponse>(&body) {
                    Ok(response) => self.token_error(response.error()),
                    Err(_) => Error::unavailable("failed to parse a provider response"),
                }
            }
            RequestTokenError::Other(_) => Error::unavailable("unexpected provider response"),
        }
    }

    fn token_error(&self, error: &BasicErrorResponseType) -> Error {
        match error {
            BasicErrorResponseType::InvalidClient | BasicErrorResponseType::UnauthorizedClient => {
                let provider = &self.client.config.name;
                Error::internal(format!("{provider} rejects our client id or secret"))
            }
            BasicErrorResponseType::InvalidGrant => self.refuse("the code is not valid"),
            _ => self.refuse("the provider rejects the exchange"),
        }
    }

    /// Logs why a response of the provider is rejected. Returns the error for the client.
    pub(super) fn refuse(&self, cause: &'static str) -> Error {
        self.client.refuse(cause)
    }

    async fn verify(&self, id_token: &str, state: &State) -> Result<Claims> {
        let expected = Expected {
            issuer: &self.metadata.issuer,
            client_id: &self.client.config.client_id,
            nonce: &state.nonce,
            now: self.client.app.clock().now(),
        };
        let mut verified = id_token::verify(id_token, &self.keys().await?, &expected);
        if let Err(TokenError::UnknownKey) = verified {
            // The provider may have replaced its keys since they were cached.
            self.client.app.providers().invalidate().await;
            verified = id_token::verify(id_token, &self.keys().await?, &expected);
        }
        verified.map_err(|refusal| match refusal {
            TokenError::UnknownKey => self.refuse("the key of the ID token is unknown"),
            TokenError::Other(cause) => {
                let provider = self.client.config.name.as_str();
                tracing::warn!(provider, cause, "ID token refused");
                REFUSED
            }
        })
    }

    async fn keys(&self) -> Result<Vec<Value>> {
        let url = &self.metadata.jwks_uri;
        let key = format!("keys:{}", sha256_hex(url.as_bytes()));
        let keys = self.client.get::<KeySet>(url, None);
        let cache = self.client.app.providers();
        Ok(cache.get_or_load(&key, keys).await?.keys)
    }

    /// Adds the claims of the userinfo endpoint if the ID token has no e-mail address, or does
    /// not say whether the address is verified. The only claim about the user that every ID
    /// token contains is `sub` (OpenID Connect Core 1.0 § 2, 5.4).
    async fn add_userinfo(&self, claims: Claims, access_token: &str) -> Result<Claims> {
        let Some(url) = &self.metadata.userinfo_endpoint else {
            return Ok(claims);
        };
        if !claims.needs_userinfo() {
            return Ok(claims);
        }
        let userinfo: Claims = self.client.get(url, Some(access_token)).await?;
        if userinfo.sub != claims.sub {
            return Err(self.refuse("the userinfo and the ID token are about different users"));
        }
        Ok(claims.add_userinfo(userinfo))
    }

    fn oauth_client(&self) -> Result<OAuthClient> {
        let invalid = |_| Error::unavailable("provider metadata has an invalid URL");
        let Metadata {
            authorization_endpoint,
            token_endpoint,
            token_endpoint_auth_methods_supported: methods,
            ..
        } = &self.metadata;
        let config = self.client.config;
        let secret = config.client_secret.expose().to_owned();
        let auth_type = match methods.iter().any(|name| name == "client_secret_basic") {
            true => AuthType::BasicAuth,
            false => AuthType::RequestBody,
        };
        let redirect_uri = redirect_uri(self.client.app, &config.name);
        Ok(Client::new(ClientId::new(config.client_id.clone()))
            .set_client_secret(ClientSecret::new(secret))
            .set_auth_type(auth_type)
            .set_auth_uri(AuthUrl::new(authorization_endpoint.clone()).map_err(invalid)?)
            .set_token_uri(TokenUrl::new(token_endpoint.clone()).map_err(invalid)?)
            .set_redirect_uri(RedirectUrl::new(redirect_uri).map_err(invalid)?))
    }
}

/// Returns the URL that the provider redirects the browser to. Its host comes from the
/// configuration, because a client can choose the `Host` header of a request.
fn redirect_uri(app: &App, provider: &str) -> String {
    let site_url = &app.config().studio.site_url;
    format!("{site_url}/api/auth/oauth/callback/{provider}")
}

//! Schemas of strings with a format, for the API description.
//!
//! Forms have plain strings, so that all invalid fields can be reported at once.
//! The description shows these types instead (`value_type`). The parser of each field
//! is authoritative.

use utoipa::ToSchema;

/// An e-mail address. Case is ignored, and the domain may be written in Unicode or in
/// ASCII (`xn--…`). Before the @, only ASCII characters are accepted.
#[derive(Debug, ToSchema)]
#[schema(format = "email", max_length = 255, examples("ana@example.com"))]
pub struct EmailAddress(pub String);

/// 8 to 128 characters. Common passwords, the e-mail address and the name are
/// rejected.
#[derive(Debug, ToSchema)]
#[schema(
    format = "password",
    min_length = 8,
    max_length = 128,
    examples("mi casa azul 42")
)]
pub struct NewPassword(pub String);

/// A phone number with at least five digits. An empty string means none.
#[derive(Debug, ToSchema)]
#[schema(
    max_length = 20,
    pattern = r"^[-+(). /0-9]*$",
    examples("+1 303 555 0142")
)]
pub struct PhoneNumber(pub String);

/// A time of day in the studio's time zone.
#[derive(Debug, ToSchema)]
#[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$", examples("19:00"))]
pub struct TimeOfDay(pub String);

/// A short name for use in URLs.
#[derive(Debug, ToSchema)]
#[schema(
    min_length = 1,
    max_length = 100,
    pattern = "^[-a-z0-9]+$",
    examples("casa-latina")
)]
pub struct Slug(pub String);

/// An HTTPS URL without a user name or password.
#[derive(Debug, ToSchema)]
#[schema(
    format = "uri",
    max_length = 2_000,
    pattern = r"^\s*https://[^\s@/?#]+([/?#]\S*)?\s*$",
    examples("https://cdn.example.com/salsa.jpg")
)]
pub struct HttpsUrl(pub String);

/// A picture of the site, or an HTTPS URL at the origin that the deployment has configured
/// for pictures. Other addresses are rejected.
#[derive(Debug, ToSchema)]
#[schema(
    max_length = 2_000,
    pattern = r"^\s*(/img/[-_.a-zA-Z0-9/]+|https://[^\s@/?#]+([/?#]\S*)?)\s*$",
    examples("/img/classes/salsa-foundations.svg")
)]
pub struct PictureUrl(pub String);

/// The origin of a site. It must use HTTPS, or HTTP on localhost.
#[derive(Debug, ToSchema)]
#[schema(
    pattern = r"^\s*https?://[^\s/?#@]+/?\s*$",
    examples("https://shop.example")
)]
pub struct Origin(pub String);

/// Up to 100 ids, separated by commas.
#[derive(Debug, ToSchema)]
#[schema(
    pattern = r"^[-0-9a-fA-F, ]+$",
    examples("0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a")
)]
pub struct Ids(pub String);

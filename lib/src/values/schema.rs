//! What texts look like that have to look like something, for the description.
//!
//! A form has plain texts, so that all that is wrong with it can be said at
//! once; in the description these stand in their place (`value_type`). Who
//! reads a text, beside the noun it belongs to, has the last word.

use utoipa::ToSchema;

/// An e-mail address. Upper and lower case are the same.
#[derive(Debug, ToSchema)]
#[schema(format = "email", max_length = 255, examples("ana@example.com"))]
pub struct EmailAddress(pub String);

/// 8 to 128 characters; not a common one, nor the e-mail address or name.
#[derive(Debug, ToSchema)]
#[schema(
    format = "password",
    min_length = 8,
    max_length = 128,
    examples("mi casa azul 42")
)]
pub struct NewPassword(pub String);

/// A telephone number as people write it, with at least five digits; empty is
/// none.
#[derive(Debug, ToSchema)]
#[schema(
    max_length = 20,
    pattern = r"^[-+(). /0-9]*$",
    examples("+1 303 555 0142")
)]
pub struct PhoneNumber(pub String);

/// A time of day on the studio's clock.
#[derive(Debug, ToSchema)]
#[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$", examples("19:00"))]
pub struct TimeOfDay(pub String);

/// A name for programs and addresses.
#[derive(Debug, ToSchema)]
#[schema(
    min_length = 1,
    max_length = 100,
    pattern = "^[-a-z0-9]+$",
    examples("casa-latina")
)]
pub struct Slug(pub String);

/// The address of a picture or a page, by https and without a name or password.
#[derive(Debug, ToSchema)]
#[schema(
    format = "uri",
    max_length = 2_000,
    pattern = r"^\s*https://[^\s@/?#]+([/?#]\S*)?\s*$",
    examples("https://cdn.example.com/salsa.jpg")
)]
pub struct HttpsUrl(pub String);

/// The origin of a site, by https; on this machine also by http.
#[derive(Debug, ToSchema)]
#[schema(
    pattern = r"^\s*https?://[^\s/?#@]+/?\s*$",
    examples("https://shop.example")
)]
pub struct Origin(pub String);

/// Several ids, separated by commas; at most 100.
#[derive(Debug, ToSchema)]
#[schema(
    pattern = r"^[-0-9a-fA-F, ]+$",
    examples("0198c1a0-4b1e-7d2a-9c35-5b6f0e1d2c3a")
)]
pub struct Ids(pub String);

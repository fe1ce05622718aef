//! The configuration of the studio's address.

use super::environment::{ConfigError, Environment, invalid};
use crate::values::form;

/// The maximum length of a part of the address, in characters.
const PART_MAX: usize = 100;

/// The variables that complete `STUDIO_ADDRESS`.
const OTHER_PARTS: [&str; 5] = [
    "STUDIO_CITY",
    "STUDIO_REGION",
    "STUDIO_POSTAL_CODE",
    "STUDIO_COUNTRY",
    "STUDIO_COORDINATES",
];

/// The studio's address.
#[derive(Clone, Debug)]
pub struct StudioAddress {
    /// `STUDIO_ADDRESS`: the street and the number.
    pub street: String,
    /// `STUDIO_CITY`
    pub city: String,
    /// `STUDIO_REGION`: the state or province.
    pub region: Option<String>,
    /// `STUDIO_POSTAL_CODE`
    pub postal_code: Option<String>,
    /// `STUDIO_COUNTRY`: an ISO 3166-1 alpha-2 code.
    pub country: String,
    /// `STUDIO_COORDINATES`: where the studio is on a map.
    pub coordinates: Option<Coordinates>,
}

impl StudioAddress {
    /// Returns the address in one line, in the order of its country, such as `12 Pearl Street,
    /// Boulder, CO 80302`.
    pub fn one_line(&self) -> String {
        let code = self.postal_code.as_deref();
        let region = self.region.iter().map(String::as_str);
        let town = match self.country.as_str() {
            "US" | "CA" => {
                let region = region.chain(code).collect::<Vec<_>>().join(" ");
                [self.city.as_str(), &region].join(", ")
            }
            _ => code
                .into_iter()
                .chain([self.city.as_str()])
                .collect::<Vec<_>>()
                .join(" "),
        };
        format!("{}, {}", self.street, town.trim_end_matches(", "))
    }
}

/// A point on a map, in degrees (WGS 84).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coordinates {
    /// From -90 to 90.
    pub latitude: f64,
    /// From -180 to 180.
    pub longitude: f64,
}

/// Reads the address. It is `None` if no variable of the address is set.
pub(super) fn address(env: &Environment<'_>) -> Result<Option<StudioAddress>, ConfigError> {
    let other_part = OTHER_PARTS
        .into_iter()
        .find(|name| env.value(name).is_some());
    let Some(street) = part(env, "STUDIO_ADDRESS")? else {
        return match other_part {
            Some(name) => Err(invalid(
                "STUDIO_ADDRESS",
                format!("is required when {name} is set"),
            )),
            None => Ok(None),
        };
    };
    Ok(Some(StudioAddress {
        street,
        city: required_part(env, "STUDIO_CITY")?,
        region: part(env, "STUDIO_REGION")?,
        postal_code: part(env, "STUDIO_POSTAL_CODE")?,
        country: country(env)?,
        coordinates: coordinates(env)?,
    }))
}

fn part(env: &Environment<'_>, name: &str) -> Result<Option<String>, ConfigError> {
    let parse = |text: String| form::required_line(&text, PART_MAX);
    let part = env.value(name).map(parse).transpose();
    part.map_err(|problem| invalid(name, problem))
}

fn required_part(env: &Environment<'_>, name: &str) -> Result<String, ConfigError> {
    part(env, name)?.ok_or_else(|| invalid(name, "is required when STUDIO_ADDRESS is set"))
}

fn country(env: &Environment<'_>) -> Result<String, ConfigError> {
    let name = "STUDIO_COUNTRY";
    let country = required_part(env, name)?;
    if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(invalid(name, "must be two capital letters, such as US"));
    }
    Ok(country)
}

fn coordinates(env: &Environment<'_>) -> Result<Option<Coordinates>, ConfigError> {
    let name = "STUDIO_COORDINATES";
    let Some(text) = env.value(name) else {
        return Ok(None);
    };
    let degrees = |text: &str, max: f64| {
        let degrees = text.trim().parse::<f64>().ok();
        degrees.filter(|degrees| (-max..=max).contains(degrees))
    };
    let parsed = text.split_once(',').and_then(|(latitude, longitude)| {
        Some(Coordinates {
            latitude: degrees(latitude, 90.0)?,
            longitude: degrees(longitude, 180.0)?,
        })
    });
    let problem = "must be a latitude and a longitude in degrees, such as 40.015,-105.27";
    parsed.map(Some).ok_or_else(|| invalid(name, problem))
}

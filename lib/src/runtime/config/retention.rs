//! How long data is kept before the clean-up deletes it.

use super::environment::{ConfigError, Environment, invalid};

/// How long data is kept.
#[derive(Clone, Copy, Debug)]
pub struct RetentionConfig {
    /// `ARCHIVE_RETENTION_MONTHS`: how long cross-app tokens stay in the archive.
    pub archive_months: i32,
    /// `SECURITY_LOG_RETENTION_DAYS`: how long security events are kept.
    pub security_log_days: i32,
    /// `CONTACT_RETENTION_DAYS`: how long messages from the contact form are kept.
    pub contact_days: i32,
}

pub(super) fn retention(env: &Environment<'_>) -> Result<RetentionConfig, ConfigError> {
    Ok(RetentionConfig {
        archive_months: months(env, "ARCHIVE_RETENTION_MONTHS", 12)?,
        security_log_days: days(env, "SECURITY_LOG_RETENTION_DAYS", 365)?,
        contact_days: days(env, "CONTACT_RETENTION_DAYS", 365)?,
    })
}

fn months(env: &Environment<'_>, name: &str, default: i32) -> Result<i32, ConfigError> {
    let months = env.parse(name, default, "a whole number of months")?;
    if !(1..=1_200).contains(&months) {
        return Err(invalid(name, "must be from 1 to 1200"));
    }
    Ok(months)
}

fn days(env: &Environment<'_>, name: &str, default: i32) -> Result<i32, ConfigError> {
    let days = env.parse(name, default, "a whole number of days")?;
    if !(1..=36_500).contains(&days) {
        return Err(invalid(name, "must be from 1 to 36500"));
    }
    Ok(days)
}

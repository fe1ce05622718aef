//! Users: members, staff and administrators, in one table.

pub mod account;
mod credentials;
mod erasure;
mod fields;
mod member;
mod profile;
mod proof;
pub mod second_factor;

pub use self::account::grant_admin;
pub use self::credentials::{
    Credentials, Reauthentication, WRONG_PASSWORD, change_email, confirm_email,
    find_credentials_by_email, find_credentials_by_id, find_reauthentication, rehash,
    require_epoch, reset_password, set_password,
};
pub use self::erasure::{
    ERASE_CLOSED, delete_if_unused, erase, forget_registrant, has_credentials, lock_address,
    lock_unconfirmed,
};
pub use self::fields::{
    MAX_CONTACT_NAME, MAX_MEDICAL_CONDITIONS, MAX_NAME, MAX_PHONE, contact_name, date_of_birth,
    first_name, last_name, medical_conditions, phone,
};
pub(crate) use self::member::user_columns;
pub use self::member::{ExperienceLevel, User};
pub(in crate::models) use self::member::{full_name, locale_from_column, optional_full_name};
pub use self::profile::{
    Changes, MedicalConditions, NewUser, Profile, find_profile, insert, update,
};
pub use self::proof::AuthenticationProof;
pub use crate::values::email::{Email, MAX_EMAIL};

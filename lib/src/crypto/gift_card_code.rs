//! The codes of gift cards: 80 random bits in a form that people can type.

use std::fmt;

use crate::crypto::random;
use crate::crypto::secret::sha256_hex;

/// The digits of Crockford's base 32 (<https://www.crockford.com/base32.html>), which have no `I`,
/// `L`, `O` and `U`.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The number of digits of a code.
const LENGTH: usize = 16;

/// The number of digits between two hyphens.
const GROUP: usize = 4;

/// The code of a gift card, such as `7XK2-9MQD-04TB-HW3E`. Only its hash is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct GiftCardCode([u8; 10]);

impl GiftCardCode {
    /// Generates a code.
    pub fn generate() -> Self {
        Self(random::bytes())
    }

    /// Parses a code as somebody has typed it. Hyphens, spaces and the case of letters do not
    /// matter, `O` is read as `0`, and `I` and `L` as `1`. Returns `None` if it is not a code.
    pub fn parse(text: &str) -> Option<Self> {
        let typed = text.chars().filter(|c| *c != '-' && !c.is_whitespace());
        let mut bits: u128 = 0;
        let mut length = 0;
        for c in typed {
            let digit = match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                c => c,
            };
            let value = DIGITS
                .iter()
                .position(|known| char::from(*known) == digit)?;
            length += 1;
            if length > LENGTH {
                return None;
            }
            bits = bits << 5 | value as u128;
        }
        let bytes = bits.to_be_bytes();
        let code = bytes[6..].try_into().ok()?;
        (length == LENGTH).then_some(Self(code))
    }

    /// Returns the code in groups of four digits, for its owner.
    pub fn expose(&self) -> String {
        let mut bytes = [0; 16];
        bytes[6..].copy_from_slice(&self.0);
        let bits = u128::from_be_bytes(bytes);
        let mut text = String::with_capacity(LENGTH + LENGTH / GROUP);
        for index in 0..LENGTH {
            if index > 0 && index % GROUP == 0 {
                text.push('-');
            }
            let digit = bits >> (5 * (LENGTH - 1 - index)) & 31;
            text.push(char::from(DIGITS[digit as usize]));
        }
        text
    }

    /// Returns the hash that is stored. The code is random, so it needs no salt.
    pub fn hash(&self) -> String {
        sha256_hex(&self.0)
    }
}

impl fmt::Debug for GiftCardCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GiftCardCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = GiftCardCode([0, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf]);
        assert_eq!(code.expose(), "0123-4567-89AB-CDEF");
        for typed in [
            "0123-4567-89AB-CDEF",
            "o l 2 3 4567 89abcdef",
            "OI23456789ABCDEF",
        ] {
            assert_eq!(GiftCardCode::parse(typed), Some(code), "{typed}");
        }
        for typed in [
            "",
            "0123-4567-89AB-CDE",
            "0123-4567-89AB-CDEF0",
            "U123-4567-89AB-CDEF",
        ] {
            assert_eq!(GiftCardCode::parse(typed), None, "{typed}");
        }
    }

    #[test]
    fn a_generated_code_survives_its_text_and_is_not_in_logs() {
        let code = GiftCardCode::generate();
        assert_eq!(GiftCardCode::parse(&code.expose()), Some(code));
        assert_eq!(format!("{code:?}"), "GiftCardCode(…)");
    }
}

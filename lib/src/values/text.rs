//! The characters that a text for people may contain.
//!
//! Names must not be blank, must not change the direction of the text around them, and must
//! not hide characters. Scripts may be mixed, because many names mix them.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The maximum number of combining marks in a row. Vietnamese and Thai need two, and
/// Tibetan up to four.
const MAX_MARKS: usize = 4;

/// Why a text is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextProblem {
    /// It contains a control character, or an invisible or private character.
    Forbidden,
    /// It contains more than four combining marks in a row.
    TooManyMarks,
    /// It contains characters, but none that is visible.
    Blank,
}

/// Trims a text, removes invisible characters that carry no meaning, replaces every kind of
/// space with an ordinary one, and normalizes the text to NFC. `is_allowed_control` accepts
/// control characters, such as line breaks. The result is empty if nothing is left.
///
/// # Errors
///
/// [`TextProblem`] if the text contains forbidden characters or too many combining marks, or
/// if no character is visible.
pub fn clean(text: &str, is_allowed_control: impl Fn(char) -> bool) -> Result<String, TextProblem> {
    let kept = text.chars().filter(|c| !is_stripped(*c));
    let kept: String = kept.map(|c| if is_space(c) { ' ' } else { c }).collect();
    // The text is trimmed first, so that a tab or a line break at an end is removed and not
    // rejected.
    let characters: Vec<char> = kept.trim().chars().collect();
    let is_forbidden = |c: char| is_forbidden(c) && !is_allowed_control(c);
    if characters.iter().copied().any(is_forbidden) {
        return Err(TextProblem::Forbidden);
    }
    let joined = without_loose_joiners(&characters);
    let text: String = joined.trim().nfc().collect();
    if has_too_many_marks(&text) {
        return Err(TextProblem::TooManyMarks);
    }
    if !text.is_empty() && !text.chars().any(is_visible) {
        return Err(TextProblem::Blank);
    }
    Ok(text)
}

/// Returns whether a character is removed. Such characters are invisible and come with text
/// that was copied from a page or a document.
fn is_stripped(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'                    // soft hyphen
        | '\u{61c}'                 // Arabic letter mark
        | '\u{180e}'                // Mongolian vowel separator
        | '\u{200b}'                // zero-width space
        | '\u{200e}' | '\u{200f}'   // left-to-right and right-to-left mark
        | '\u{2060}'
            ..='\u{2064}'   // word joiner and invisible operators
        | '\u{feff}' // byte order mark
    )
}

/// Returns whether a character is a space of any width (Unicode's category Zs).
fn is_space(c: char) -> bool {
    matches!(
        c,
        ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// Returns whether a character is rejected.
fn is_forbidden(c: char) -> bool {
    let number = u32::from(c);
    let is_noncharacter = number & 0xfffe == 0xfffe;
    c.is_control()
        || is_noncharacter
        || matches!(c,
            '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' // Hangul fillers
            | '\u{17b4}' | '\u{17b5}'       // invisible Khmer vowels
            | '\u{2028}' | '\u{2029}'       // line and paragraph separator
            | '\u{202a}'..='\u{202e}'       // bidirectional embedding and override
            | '\u{2065}'..='\u{206f}'       // bidirectional isolates, deprecated controls
            | '\u{2800}'                    // blank Braille pattern
            | '\u{e000}'..='\u{f8ff}'       // private use
            | '\u{fdd0}'..='\u{fdef}'       // noncharacters
            | '\u{fff0}'..='\u{fffb}'       // unassigned, interlinear annotation
            | '\u{1bca0}'..='\u{1bca3}'     // shorthand format controls
            | '\u{1d159}'                   // musical null note head
            | '\u{1d173}'..='\u{1d17a}'     // musical format controls
            | '\u{e0000}'..='\u{e00ff}'     // tags
            | '\u{e01f0}'..='\u{e0fff}'     // unassigned and ignorable
            | '\u{f0000}'..='\u{10ffff}'    // private use
        )
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Removes zero-width joiners and non-joiners, except inside words, where Persian, many
/// Indian scripts and emoji need them.
fn without_loose_joiners(characters: &[char]) -> String {
    let is_word = |c: &char| !c.is_whitespace() && !c.is_ascii_punctuation() && !is_joiner(*c);
    let mut kept = String::new();
    for (index, &c) in characters.iter().enumerate() {
        let is_inside_word = || {
            kept.chars().next_back().is_some_and(|c| is_word(&c))
                && characters.get(index + 1).is_some_and(is_word)
        };
        if !is_joiner(c) || is_inside_word() {
            kept.push(c);
        }
    }
    kept
}

fn has_too_many_marks(text: &str) -> bool {
    let mut marks = 0;
    text.chars().any(|c| {
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        marks > MAX_MARKS
    })
}

fn is_visible(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !is_combining_mark(c) && !is_joiner(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean_line(text: &str) -> Result<String, TextProblem> {
        clean(text, |_| false)
    }

    #[test]
    fn names_of_all_scripts_are_accepted_as_they_are() {
        for name in [
            "José Núñez",
            "Gal·la Ferrer",
            "L’Hospitalet",
            "Nguyễn Thị Ánh",
            "Łukasz Żółć",
            "علی‌رضا",
            "क्‍ष",
            "נֹעָה",
            "สุรีรัตน์",
            "김서연",
            "葛\u{e0100}城",
            "Ana 💃🏽",
            "👩\u{200d}🚀 Luz",
            "❤\u{fe0f}",
            "Аna Mixed",
            "X Æ A-12",
            "?",
        ] {
            let nfc: String = name.nfc().collect();
            assert_eq!(clean_line(name), Ok(nfc), "{name}");
        }
    }

    #[test]
    fn invisible_characters_without_meaning_are_removed() {
        for (text, cleaned) in [
            ("\u{feff}Ana\u{200b}", "Ana"),
            ("A\u{ad}na \u{200e}\u{200f}\u{61c}Luz", "Ana Luz"),
            ("Jose\u{200b}\u{301}", "Jos\u{e9}"),
            ("\u{200d}Ana\u{200c} \u{200d}Luz\u{200d}", "Ana Luz"),
            ("علی\u{200c}\u{200c}رضا", "علی\u{200c}رضا"),
            ("\u{200b}\t Ana\r\n", "Ana"),
            (" \u{200b} \u{2060}", ""),
            ("\u{200d}\u{200c}", ""),
        ] {
            assert_eq!(clean_line(text).as_deref(), Ok(cleaned), "{text:?}");
        }
    }

    #[test]
    fn spaces_of_every_width_become_ordinary_spaces() {
        for space in [
            ' ', '\u{a0}', '\u{1680}', '\u{2000}', '\u{2007}', '\u{200a}', '\u{202f}', '\u{205f}',
            '\u{3000}',
        ] {
            let text = format!("{space}Studio{space}A{space}");
            assert_eq!(clean_line(&text).as_deref(), Ok("Studio A"), "{space:?}");
        }
    }

    #[test]
    fn deceptive_characters_are_rejected() {
        for c in [
            '\0',
            '\n',
            '\u{7f}',
            '\u{85}',
            '\u{202a}',
            '\u{202e}',
            '\u{2066}',
            '\u{2069}',
            '\u{115f}',
            '\u{1160}',
            '\u{3164}',
            '\u{ffa0}',
            '\u{2800}',
            '\u{e000}',
            '\u{f8ff}',
            '\u{fdd0}',
            '\u{fffe}',
            '\u{1ffff}',
            '\u{e0041}',
            '\u{e007f}',
            '\u{f0000}',
            '\u{10fffd}',
            '\u{10ffff}',
            '\u{2028}',
            '\u{206a}',
            '\u{fff9}',
            '\u{1d173}',
        ] {
            let text = format!("Ana{c}Luz");
            assert_eq!(clean_line(&text), Err(TextProblem::Forbidden), "{c:?}");
        }
    }

    #[test]
    fn five_marks_in_a_row_and_texts_without_a_visible_character_are_rejected() {
        let marks = |count| format!("x{}", "\u{301}".repeat(count));
        assert!(clean_line(&marks(4)).is_ok());
        assert_eq!(clean_line(&marks(5)), Err(TextProblem::TooManyMarks));
        for blank in [
            "\u{301}",
            "\u{fe0f}",
            "\u{34f}\u{200d}",
            "\u{301} \u{a0}\u{302}",
        ] {
            assert_eq!(clean_line(blank), Err(TextProblem::Blank), "{blank:?}");
        }
    }
}

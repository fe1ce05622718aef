//! A small Redis in memory: string values, expiry, Redis' own error texts.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::backend::Reply;

const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
const SYNTAX: &str = "ERR syntax error";

/// Each command with the fewest and the most arguments that it takes.
const COMMANDS: [(&str, usize, usize); 19] = [
    ("DBSIZE", 0, 0),
    ("DEL", 1, usize::MAX),
    ("ECHO", 1, 1),
    ("EXISTS", 1, usize::MAX),
    ("EXPIRE", 2, 2),
    ("FLUSHDB", 0, 1),
    ("GET", 1, 1),
    ("INCR", 1, 1),
    ("INCRBY", 2, 2),
    ("KEYS", 1, 1),
    ("MGET", 1, usize::MAX),
    ("PEXPIRE", 2, 2),
    ("PEXPIREAT", 2, 2),
    ("PEXPIRETIME", 1, 1),
    ("PING", 0, 1),
    ("PTTL", 1, 1),
    ("SET", 2, usize::MAX),
    ("TIME", 0, 0),
    ("TTL", 1, 1),
];

#[derive(Default)]
pub(crate) struct Memory {
    entries: HashMap<String, Entry>,
    /// With this many entries, those that have ended are swept out.
    sweep_at: usize,
}

struct Entry {
    value: String,
    /// Unix milliseconds.
    ends: Option<i64>,
}

impl Memory {
    pub(crate) fn run(
        &mut self,
        commands: &[Vec<String>],
        atomic: bool,
    ) -> Result<Vec<Reply>, String> {
        if atomic && commands.iter().any(|command| check(command).is_err()) {
            return Err("EXECABORT Transaction discarded because of previous errors.".to_owned());
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = now.as_millis() as i64;
        Ok(commands
            .iter()
            .map(|command| self.apply(command, now))
            .collect())
    }

    fn apply(&mut self, command: &[String], now: i64) -> Reply {
        let name = check(command)?;
        let words: Vec<&str> = command[1..].iter().map(String::as_str).collect();
        match (name, &words[..]) {
            ("GET", [key]) => Ok(self.value(key, now)),
            ("MGET", keys) => Ok(keys.iter().map(|key| self.value(key, now)).collect()),
            ("SET", [key, value, options @ ..]) => self.set(key, value, options, now),
            ("DEL", keys) => Ok(count(keys, |key| self.remove(key, now))),
            ("EXISTS", keys) => Ok(count(keys, |key| self.alive(key, now).is_some())),
            ("EXPIRE" | "PEXPIRE" | "PEXPIREAT", [key, time]) => self.expire(name, key, time, now),
            // Rounded to the nearest second, as Redis does.
            ("TTL", [key]) => Ok(self.end(key, now, |ends| (ends - now + 500) / 1000)),
            ("PTTL", [key]) => Ok(self.end(key, now, |ends| ends - now)),
            ("PEXPIRETIME", [key]) => Ok(self.end(key, now, |ends| ends)),
            ("INCR", [key]) => self.add(key, 1, now),
            ("INCRBY", [key, amount]) => self.add(key, integer(amount)?, now),
            ("KEYS", [pattern]) => {
                self.sweep(now);
                let keys = self.entries.keys();
                Ok(keys
                    .filter(|key| matches(pattern.as_bytes(), key.as_bytes()))
                    .cloned()
                    .collect())
            }
            ("DBSIZE", []) => {
                self.sweep(now);
                Ok(self.entries.len().into())
            }
            ("FLUSHDB", _) => {
                self.entries.clear();
                Ok("OK".into())
            }
            ("PING", []) => Ok("PONG".into()),
            ("PING" | "ECHO", [text]) => Ok((*text).into()),
            ("TIME", []) => Ok([now / 1000, now % 1000 * 1000]
                .iter()
                .map(i64::to_string)
                .collect()),
            _ => Err(SYNTAX.to_owned()),
        }
    }

    fn set(&mut self, key: &str, value: &str, options: &[&str], now: i64) -> Reply {
        let options = SetOptions::parse(options, now)?;
        let there = self.alive(key, now);
        if options
            .only_if
            .is_some_and(|wanted| wanted != there.is_some())
        {
            return Ok(Value::Null);
        }
        let ends = if options.keep {
            there.and_then(|entry| entry.ends)
        } else {
            options.ends
        };
        let value = value.to_owned();
        self.entries.insert(key.to_owned(), Entry { value, ends });
        if self.entries.len() > self.sweep_at {
            self.sweep(now);
            self.sweep_at = 2 * self.entries.len() + 1024;
        }
        Ok("OK".into())
    }

    fn expire(&mut self, name: &str, key: &str, time: &str, now: i64) -> Reply {
        let (unit, from) = match name {
            "EXPIRE" => (1000, now),
            "PEXPIRE" => (1, now),
            _ => (1, 0),
        };
        let ends = absolute(time, unit, from)?.ok_or_else(|| invalid_expire(name))?;
        Ok(match self.alive(key, now) {
            Some(entry) => {
                entry.ends = Some(ends);
                1.into()
            }
            None => 0.into(),
        })
    }

    fn add(&mut self, key: &str, amount: i64, now: i64) -> Reply {
        let old = match self.alive(key, now) {
            Some(entry) => integer(&entry.value)?,
            None => 0,
        };
        let sum = old.checked_add(amount);
        let sum = sum.ok_or("ERR increment or decrement would overflow")?;
        self.set(key, &sum.to_string(), &["KEEPTTL"], now)?;
        Ok(sum.into())
    }

    fn value(&mut self, key: &str, now: i64) -> Value {
        match self.alive(key, now) {
            Some(entry) => entry.value.as_str().into(),
            None => Value::Null,
        }
    }

    /// -2 for an absent key, -1 for one without an end.
    fn end(&mut self, key: &str, now: i64, show: impl Fn(i64) -> i64) -> Value {
        match self.alive(key, now) {
            Some(entry) => entry.ends.map_or(-1, show).into(),
            None => (-2).into(),
        }
    }

    fn remove(&mut self, key: &str, now: i64) -> bool {
        let removed = self.entries.remove(key);
        removed.is_some_and(|entry| entry.alive(now))
    }

    fn alive(&mut self, key: &str, now: i64) -> Option<&mut Entry> {
        self.entries.get_mut(key).filter(|entry| entry.alive(now))
    }

    fn sweep(&mut self, now: i64) {
        self.entries.retain(|_, entry| entry.alive(now));
    }
}

impl Entry {
    fn alive(&self, now: i64) -> bool {
        self.ends.is_none_or(|ends| ends > now)
    }
}

#[derive(Default)]
struct SetOptions {
    ends: Option<i64>,
    keep: bool,
    /// Whether the key must be there, or must not.
    only_if: Option<bool>,
}

impl SetOptions {
    fn parse(words: &[&str], now: i64) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let ends = options.keep || options.ends.is_some();
            let (unit, from) = match word.to_ascii_uppercase().as_str() {
                "NX" if options.only_if.is_none() => {
                    options.only_if = Some(false);
                    continue;
                }
                "XX" if options.only_if.is_none() => {
                    options.only_if = Some(true);
                    continue;
                }
                "KEEPTTL" if !ends => {
                    options.keep = true;
                    continue;
                }
                "EX" if !ends => (1000, now),
                "PX" if !ends => (1, now),
                "EXAT" if !ends => (1000, 0),
                "PXAT" if !ends => (1, 0),
                _ => return Err(SYNTAX.to_owned()),
            };
            let time = words.next().ok_or(SYNTAX)?;
            let positive = integer(time)? > 0;
            let ends = absolute(time, unit, from)?.filter(|_| positive);
            options.ends = Some(ends.ok_or_else(|| invalid_expire("SET"))?);
        }
        Ok(options)
    }
}

/// The command's name in capitals, if there is such a command and it takes as
/// many arguments.
fn check(command: &[String]) -> Result<&'static str, String> {
    let [name, words @ ..] = command else {
        return Err("ERR empty command".to_owned());
    };
    let known = COMMANDS
        .iter()
        .find(|(known, ..)| name.eq_ignore_ascii_case(known));
    match known {
        Some((known, least, most)) if (*least..=*most).contains(&words.len()) => Ok(known),
        Some((known, ..)) => {
            let name = known.to_ascii_lowercase();
            Err(format!(
                "ERR wrong number of arguments for '{name}' command"
            ))
        }
        None => {
            let words: String = words.iter().map(|word| format!("'{word}' ")).collect();
            Err(format!(
                "ERR unknown command '{name}', with args beginning with: {words}"
            ))
        }
    }
}

fn count(keys: &[&str], mut holds: impl FnMut(&str) -> bool) -> Value {
    keys.iter().filter(|key| holds(key)).count().into()
}

/// The time in Unix milliseconds, unless there is no such time.
fn absolute(time: &str, unit: i64, from: i64) -> Result<Option<i64>, String> {
    let time = integer(time)?.checked_mul(unit);
    Ok(time.and_then(|time| time.checked_add(from)))
}

fn invalid_expire(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    format!("ERR invalid expire time in '{name}' command")
}

fn integer(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| NOT_AN_INTEGER.to_owned())
}

/// Redis' patterns as far as `*` and `?` go.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|skip| matches(rest, &text[skip..])),
        ([b'?', rest @ ..], [_, text @ ..]) => matches(rest, text),
        ([first, rest @ ..], [other, text @ ..]) => first == other && matches(rest, text),
        ([], []) => true,
        _ => false,
    }
}

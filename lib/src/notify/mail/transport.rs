//! What carries a mail out of the house.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use lettre::address::AddressError;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use tokio::time::timeout;

use crate::models::mail_outbox::Due;
use crate::notify::mail::message::Letter;
use crate::runtime::config::{MailConfig, MailTransport, SmtpConfig};
use crate::store::postgres::chain;

/// So many times its deadline the server may take over a mail: it looks into
/// the content before it answers, and whoever does not wait sends it again
/// although it was taken.
const PATIENCE: u32 = 3;

/// How long the server may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a mail did not go out.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server cannot be reached or does not let us in: nothing goes out.
    Away(String),
    /// This mail did not; it may later.
    Later(String),
    /// This mail never will.
    Never(String),
}

/// The way out, for one round of sending: one connection to the server, made
/// when the first mail needs it.
pub(super) struct Carrier<'a> {
    config: &'a MailConfig,
    from: Mailbox,
    connection: Option<AsyncSmtpConnection>,
}

impl<'a> Carrier<'a> {
    /// # Errors
    ///
    /// A sentence for the log, when `MAIL_FROM` is no sender.
    pub(super) fn new(config: &'a MailConfig) -> Result<Self, String> {
        let invalid = "MAIL_FROM is no e-mail address";
        let Mailbox { name, email } = config.from.parse().map_err(|_| invalid.to_owned())?;
        let email = with_ascii_domain(email).map_err(|_| invalid.to_owned())?;
        Ok(Self {
            config,
            from: Mailbox::new(name, email),
            connection: None,
        })
    }

    /// Hands one mail over. When this returns `Ok` somebody else is
    /// responsible for it.
    pub(super) async fn send(&mut self, due: &Due, letter: Letter) -> Result<(), Trouble> {
        let never = |error: &dyn std::error::Error| Trouble::Never(chain(error));
        let to = parse_address(&due.recipient).map_err(|error| never(&error))?;
        let message = message(&self.from, &to, due, letter).map_err(|error| never(&error))?;
        match &self.config.transport {
            MailTransport::Smtp(config) => self.by_smtp(config, &to, &message.formatted()).await,
            MailTransport::Folder(folder) => {
                into_folder(folder.clone(), name(due), message.formatted()).await
            }
            MailTransport::Nothing => Err(Trouble::Away("no transport is set".to_owned())),
        }
    }

    async fn by_smtp(
        &mut self,
        config: &SmtpConfig,
        to: &Address,
        message: &[u8],
    ) -> Result<(), Trouble> {
        let away = |error: SmtpError| Trouble::Away(chain(&error));
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => timeout(config.deadline, connect(config, self.from.email.domain()))
                .await
                .map_err(|_| Trouble::Away("the server took too long to let us in".to_owned()))?
                .map_err(away)?,
        };
        let handed = hand_over(&mut connection, &self.from.email, to, message);
        timeout(config.deadline * PATIENCE, handed)
            .await
            .map_err(|_| Trouble::Later("the server took too long".to_owned()))??;
        // After a refusal the connection is not used again: where its dialogue
        // stands is not worth finding out.
        self.connection = Some(connection);
        Ok(())
    }

    /// Takes leave of the server.
    pub(super) async fn close(self) {
        if let Some(mut connection) = self.connection {
            let _ = timeout(FAREWELL, connection.quit()).await;
        }
    }
}

/// Reads an address. The domain is returned in ASCII, which every mail server
/// accepts: `bücher.example` becomes `xn--bcher-kva.example`.
fn parse_address(text: &str) -> Result<Address, AddressError> {
    with_ascii_domain(text.parse()?)
}

fn with_ascii_domain(address: Address) -> Result<Address, AddressError> {
    if address.domain().is_ascii() {
        return Ok(address);
    }
    let domain =
        idna::domain_to_ascii(address.domain()).map_err(|_| AddressError::InvalidDomain)?;
    Address::new(address.user(), domain)
}

fn message(
    from: &Mailbox,
    to: &Address,
    due: &Due,
    letter: Letter,
) -> Result<Message, lettre::error::Error> {
    let mut builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(letter.subject)
        // The same for every try: whoever gets a mail twice can tell.
        .message_id(Some(format!("<{}@{}>", due.id, from.email.domain())))
        // RFC 3834: so that no absence note answers it.
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
    if let Some((name, address)) = letter.reply_to
        && let Ok(address) = parse_address(&address)
    {
        builder = builder.reply_to(Mailbox::new(Some(name), address));
    }
    builder.multipart(MultiPart::alternative_plain_html(letter.text, letter.html))
}

async fn connect(config: &SmtpConfig, domain: &str) -> Result<AsyncSmtpConnection, SmtpError> {
    let hello = ClientId::Domain(domain.to_owned());
    let server = (config.host.as_str(), config.port);
    let tls = || {
        let builder = TlsParameters::builder(config.host.clone());
        match &config.ca_certificate {
            None => builder.build_rustls(),
            Some(pem) => builder
                .certificate_store(lettre::transport::smtp::client::CertificateStore::None)
                .add_root_certificate(Certificate::from_pem(pem.as_bytes())?)
                .build_rustls(),
        }
    };
    let implicit = (config.port == 465).then(tls).transpose()?;
    let encrypted = implicit.is_some();
    let connecting =
        AsyncSmtpConnection::connect_tokio1(server, Some(config.deadline), &hello, implicit, None);
    let mut connection = connecting.await?;
    // A name, a password and a member's mail go in the clear to this machine alone.
    let may_be_clear = config.ca_certificate.is_none() && is_loopback(&config.host);
    if !encrypted && !may_be_clear {
        connection.starttls(tls()?, &hello).await?;
    }
    if let Some((user, password)) = &config.credentials {
        let credentials = Credentials::new(user.clone(), password.expose().to_owned());
        connection
            .auth(&[Mechanism::Plain, Mechanism::Login], &credentials)
            .await?;
    }
    Ok(connection)
}

fn is_loopback(host: &str) -> bool {
    let address: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// RFC 5321, section 3.3. A refusal of the sender is our fault and may be
/// mended; one of the recipient is final. Many servers tell of the first only
/// when they hear of the second.
async fn hand_over(
    connection: &mut AsyncSmtpConnection,
    from: &Address,
    to: &Address,
    message: &[u8],
) -> Result<(), Trouble> {
    let later = |error: SmtpError| Trouble::Later(chain(&error));
    connection
        .command(Mail::new(Some(from.clone()), Vec::new()))
        .await
        .map_err(later)?;
    connection
        .command(Rcpt::new(to.clone(), Vec::new()))
        .await
        .map_err(|error| {
            let told = chain(&error);
            if error.is_permanent() && is_about_recipient(&told) {
                Trouble::Never(told)
            } else {
                Trouble::Later(told)
            }
        })?;
    connection.command(Data).await.map_err(later)?;
    connection.message(message).await.map_err(later)?;
    Ok(())
}

/// By the enhanced status code (RFC 3463), where the server gives one: 5.1 is
/// an address, 5.2 a mailbox; all else is the server, or what it thinks of us.
fn is_about_recipient(told: &str) -> bool {
    let mut words = told.split_whitespace();
    let code = words.find(|word| {
        word.starts_with("5.") && word.chars().all(|c| c.is_ascii_digit() || c == '.')
    });
    code.is_none_or(|code| code.starts_with("5.1.") || code.starts_with("5.2."))
}

/// Sorts by time, milliseconds since 1970; the same for every try.
fn name(due: &Due) -> String {
    let written = due.created_at.timestamp_millis();
    format!("{written}-{}-{}.eml", due.kind, due.id)
}

async fn into_folder(folder: PathBuf, name: String, message: Vec<u8>) -> Result<(), Trouble> {
    let written = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&folder)?;
        // Whoever looks sees a whole mail or none.
        let beside = folder.join(format!(".{name}"));
        std::fs::write(&beside, message)?;
        std::fs::rename(beside, folder.join(name))
    });
    match written.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Trouble::Away(error.to_string())),
        Err(error) => Err(Trouble::Away(error.to_string())),
    }
}

#[cfg(test)]
mod properties {
    use chrono::DateTime;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::models::contact::Submission;
    use crate::models::mail_outbox::Payload;
    use crate::models::user::Email;
    use crate::notify::mail::message;
    use crate::runtime::config::StudioConfig;
    use crate::testing::arbitrary::text;

    fn studio() -> StudioConfig {
        crate::testing::arbitrary::config(&[]).studio
    }

    fn due(recipient: &str) -> Due {
        Due {
            id: Uuid::nil(),
            recipient: recipient.to_owned(),
            kind: "contact_received".to_owned(),
            payload: Payload::default(),
            attempts: 1,
            created_at: DateTime::default(),
        }
    }

    fn written(letter: Letter, to: &str) -> String {
        let from = "Sabor con Flow <hello@studio.example>".parse().unwrap();
        let message = message(&from, &parse_address(to).unwrap(), &due(to), letter).unwrap();
        String::from_utf8(message.formatted()).unwrap()
    }

    /// The headers before the body, each with its folded lines.
    fn headers(mail: &str) -> Vec<(String, String)> {
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        let whole = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let pair = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        };
        whole.split("\r\n").map(pair).collect()
    }

    proptest! {
        #[test]
        fn no_name_and_no_subject_adds_a_header_or_a_recipient(
            name in text(), subject in text(), message in text(), phone in text(),
            // In small letters, as each is kept.
            email in prop_oneof![text(), "[a-z]{1,9}@[a-z]{1,9}\\.example"].prop_map(|email| email.to_lowercase()),
        ) {
            let [name, subject] = [name, subject].map(|text| text.chars().take(300).collect());
            let submission = Submission {
                id: Uuid::nil(), name, email, phone: Some(phone), subject, message,
                is_processed: false, processed_at: None, processed_by: None, created_at: DateTime::default(),
            };
            let letter = message::contact_received(&submission, &studio()).unwrap();
            let mail = written(letter, "box@studio.example");
            let headers = headers(&mail);
            let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
            let ours = ["From", "To", "Subject", "Message-ID", "Auto-Submitted", "Date", "MIME-Version",
                "Content-Type", "Content-Transfer-Encoding", "Reply-To"];
            for (place, name) in names.iter().enumerate() {
                assert!(ours.contains(name) && !names[..place].contains(name), "{mail}");
            }
            assert!(headers.contains(&("To".to_owned(), "box@studio.example".to_owned())));
            // No break of theirs is in there, which some servers take for an end of line.
            let (head, _) = mail.split_once("\r\n\r\n").unwrap();
            assert!(!head.replace("\r\n", "").contains(char::is_control), "{head:?}");
            assert!(mail.lines().all(|line| line.len() <= 998), "{mail:?}");
        }

        #[test]
        fn mail_goes_only_to_the_accounts_address(
            typed in prop_oneof![text(), "[!-~]{1,20}@[a-z.-]{1,20}", "[a-z]{1,9}@[^@]{1,9}\\.example", "\"[ -~]{1,20}\"@[a-z]{1,9}\\.example"],
        ) {
            let Ok(email) = Email::parse(&typed) else { return Ok(()) };
            let address = match parse_address(email.as_str()) {
                // No domain in ASCII stands for this one, so none has a mailbox.
                Err(_) if !email.as_str().rsplit('@').next().unwrap().is_ascii() => return Ok(()),
                address => address.unwrap(),
            };
            assert!(address.domain().is_ascii());
            let letter = Letter {
                subject: "Hola".to_owned(), text: String::new(), html: String::new(), reply_to: None,
            };
            let headers = headers(&written(letter, email.as_str()));
            let to: Vec<_> = headers.iter().filter(|(name, _)| name == "To").collect();
            assert_eq!(to, [&("To".to_owned(), address.to_string())]);
        }
    }
}

//! Sends e-mails by SMTP, or writes them into a folder in development.

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
use lettre::{Address, Message as MimeMessage};
use tokio::time::timeout;

use super::message::Message;
use crate::error::chain;
use crate::models::mail_outbox::DueMail;
use crate::runtime::config::{MailConfig, MailTransport, SmtpConfig};

/// Sending an e-mail may take up to this many times the time limit, because the server may
/// scan the content before it accepts the e-mail. If the sender gave up too early, the e-mail
/// would be sent twice.
const ACCEPT_FACTOR: u32 = 3;

/// How long closing the connection may take.
const QUIT_TIMEOUT: Duration = Duration::from_secs(1);

/// Why an e-mail was not sent.
#[derive(Debug)]
pub(super) enum SendError {
    /// No e-mail can be sent: the server cannot be reached or rejects the connection, the
    /// folder cannot be written, or no transport is configured.
    Unreachable(String),
    /// This e-mail was not sent, but a retry may succeed.
    Transient(String),
    /// This e-mail can never be sent.
    Permanent(String),
}

/// The way in which e-mails are sent. A connection to the mail server is opened for the
/// first e-mail of a run, and reused until an error occurs.
pub(super) struct Transport<'a> {
    config: &'a MailConfig,
    from: Mailbox,
    connection: Option<AsyncSmtpConnection>,
}

impl<'a> Transport<'a> {
    /// Creates a transport, which connects when the first e-mail is sent.
    ///
    /// # Errors
    ///
    /// Fails with a message for the log when `MAIL_FROM` is invalid.
    pub(super) fn new(config: &'a MailConfig) -> Result<Self, String> {
        let invalid = "MAIL_FROM is not an e-mail address";
        let Mailbox { name, email } = config.from.parse().map_err(|_| invalid.to_owned())?;
        let email = with_ascii_domain(email).map_err(|_| invalid.to_owned())?;
        Ok(Self {
            config,
            from: Mailbox::new(name, email),
            connection: None,
        })
    }

    /// Sends an e-mail. `Ok` means that the server has accepted it.
    pub(super) async fn send(&mut self, due: &DueMail, message: Message) -> Result<(), SendError> {
        let permanent = |error: &dyn std::error::Error| SendError::Permanent(chain(error));
        let to = parse_address(&due.recipient).map_err(|error| permanent(&error))?;
        let mime =
            mime_message(&self.from, &to, due, message).map_err(|error| permanent(&error))?;
        match &self.config.transport {
            MailTransport::Smtp(config) => self.send_by_smtp(config, &to, &mime.formatted()).await,
            MailTransport::Folder(folder) => {
                write_to_folder(folder.clone(), file_name(due), mime.formatted()).await
            }
            MailTransport::Disabled => Err(SendError::Unreachable(
                "no transport is configured".to_owned(),
            )),
        }
    }

    async fn send_by_smtp(
        &mut self,
        config: &SmtpConfig,
        to: &Address,
        message: &[u8],
    ) -> Result<(), SendError> {
        let unreachable = |error: SmtpError| SendError::Unreachable(chain(&error));
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => timeout(config.time_limit, connect(config, self.from.email.domain()))
                .await
                .map_err(|_| SendError::Unreachable("connecting took too long".to_owned()))?
                .map_err(unreachable)?,
        };
        let transfer = transfer(&mut connection, &self.from.email, to, message);
        timeout(config.time_limit * ACCEPT_FACTOR, transfer)
            .await
            .map_err(|_| {
                SendError::Transient("the server took too long to accept the mail".to_owned())
            })??;
        // After an error the connection is dropped, because its state is unknown.
        self.connection = Some(connection);
        Ok(())
    }

    /// Closes the connection.
    pub(super) async fn close(self) {
        if let Some(mut connection) = self.connection {
            let _ = timeout(QUIT_TIMEOUT, connection.quit()).await;
        }
    }
}

/// Parses an address. The domain is converted to ASCII, which every mail server
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

fn mime_message(
    from: &Mailbox,
    to: &Address,
    due: &DueMail,
    message: Message,
) -> Result<MimeMessage, lettre::error::Error> {
    let header = |name: &'static str, value: &str| {
        HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
    };
    let mut builder = MimeMessage::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(message.subject)
        // The id is the same for every attempt, so that duplicates can be recognized.
        .message_id(Some(format!("<{}@{}>", due.id, from.email.domain())))
        // Prevents automatic replies (RFC 3834).
        .raw_header(header("Auto-Submitted", "auto-generated"));
    // One click in the mail program switches such e-mails off (RFC 8058). Programs accept only
    // https.
    if let Some(url) = message.unsubscribe_url
        && url.starts_with("https://")
    {
        builder = builder
            .raw_header(header("List-Unsubscribe", &format!("<{url}>")))
            .raw_header(header(
                "List-Unsubscribe-Post",
                "List-Unsubscribe=One-Click",
            ));
    }
    if let Some((name, address)) = message.reply_to
        && let Ok(address) = parse_address(&address)
    {
        builder = builder.reply_to(Mailbox::new(Some(name), address));
    }
    builder.multipart(MultiPart::alternative_plain_html(
        message.text,
        message.html,
    ))
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
    let implicit_tls = (config.port == 465).then(tls).transpose()?;
    let is_encrypted = implicit_tls.is_some();
    let connecting = AsyncSmtpConnection::connect_tokio1(
        server,
        Some(config.time_limit),
        &hello,
        implicit_tls,
        None,
    );
    let mut connection = connecting.await?;
    // An unencrypted connection is allowed only to the local host, and only if no CA
    // certificate is configured.
    let may_be_plain = config.ca_certificate.is_none() && is_loopback(&config.host);
    if !is_encrypted && !may_be_plain {
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

/// Transfers an e-mail (RFC 5321, section 3.3). A permanent rejection of the recipient is a
/// permanent error. A rejection of the sender is a transient error, because the sender can be
/// corrected in the configuration. Many servers reject the sender only in response to the
/// recipient, so the text of the rejection decides which of the two it concerns.
async fn transfer(
    connection: &mut AsyncSmtpConnection,
    from: &Address,
    to: &Address,
    message: &[u8],
) -> Result<(), SendError> {
    let transient = |error: SmtpError| SendError::Transient(chain(&error));
    connection
        .command(Mail::new(Some(from.clone()), Vec::new()))
        .await
        .map_err(transient)?;
    connection
        .command(Rcpt::new(to.clone(), Vec::new()))
        .await
        .map_err(|error| {
            let response = chain(&error);
            if error.is_permanent() && is_about_recipient(&response) {
                SendError::Permanent(response)
            } else {
                SendError::Transient(response)
            }
        })?;
    connection.command(Data).await.map_err(transient)?;
    connection.message(message).await.map_err(transient)?;
    Ok(())
}

/// Returns whether a rejection concerns the recipient. Of the enhanced status codes
/// (RFC 3463), 5.1 concerns the address and 5.2 the mailbox. A rejection without
/// such a code counts as well.
fn is_about_recipient(response: &str) -> bool {
    let mut words = response.split_whitespace();
    let code = words.find(|word| {
        word.starts_with("5.") && word.chars().all(|c| c.is_ascii_digit() || c == '.')
    });
    code.is_none_or(|code| code.starts_with("5.1.") || code.starts_with("5.2."))
}

/// Returns the file name of an e-mail. File names sort by time and are the same for every
/// attempt.
fn file_name(due: &DueMail) -> String {
    let created_ms = due.created_at.timestamp_millis();
    format!("{created_ms}-{}-{}.eml", due.kind, due.id)
}

async fn write_to_folder(folder: PathBuf, name: String, message: Vec<u8>) -> Result<(), SendError> {
    let written = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&folder)?;
        // The file is written under a temporary name, so that readers see only complete files.
        let temporary = folder.join(format!(".{name}"));
        std::fs::write(&temporary, message)?;
        std::fs::rename(temporary, folder.join(name))
    });
    match written.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(SendError::Unreachable(error.to_string())),
        Err(error) => Err(SendError::Unreachable(error.to_string())),
    }
}

#[cfg(test)]
mod properties {
    use chrono::DateTime;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::models::contact::ContactSubmission;
    use crate::models::mail_outbox::MailPayload;
    use crate::models::user::Email;
    use crate::notify::mail::contact;
    use crate::runtime::config::StudioConfig;
    use crate::testing::arbitrary::text;

    fn studio() -> StudioConfig {
        crate::testing::arbitrary::config(&[]).studio
    }

    fn due(recipient: &str) -> DueMail {
        DueMail {
            id: Uuid::nil(),
            recipient: recipient.to_owned(),
            kind: "contact_received".to_owned(),
            payload: MailPayload::default(),
            attempts: 1,
            created_at: DateTime::default(),
        }
    }

    fn formatted(message: Message, to: &str) -> String {
        let from = "Sabor con Flow <hello@studio.example>".parse().unwrap();
        let mime = mime_message(&from, &parse_address(to).unwrap(), &due(to), message).unwrap();
        String::from_utf8(mime.formatted()).unwrap()
    }

    /// Returns the headers, unfolded.
    fn headers(mail: &str) -> Vec<(String, String)> {
        let (header_section, _) = mail.split_once("\r\n\r\n").unwrap();
        let unfolded = header_section.replace("\r\n ", " ").replace("\r\n\t", " ");
        let pair = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        };
        unfolded.split("\r\n").map(pair).collect()
    }

    proptest! {
        #[test]
        fn text_from_a_visitor_adds_no_header_and_no_recipient(
            name in text(), subject in text(), message in text(), phone in text(),
            // In lower case, as addresses are stored.
            email in prop_oneof![text(), "[a-z]{1,9}@[a-z]{1,9}\\.example"].prop_map(|email| email.to_lowercase()),
        ) {
            let [name, subject] = [name, subject].map(|text| text.chars().take(300).collect());
            let submission = ContactSubmission {
                id: Uuid::nil(), name, email, phone: Some(phone), subject, message,
                is_processed: false, processed_at: None, processed_by: None, created_at: DateTime::default(),
            };
            let message = contact::compose(&submission, &studio()).unwrap();
            let mail = formatted(message, "box@studio.example");
            let headers = headers(&mail);
            let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
            let known_headers = ["From", "To", "Subject", "Message-ID", "Auto-Submitted", "Date", "MIME-Version",
                "Content-Type", "Content-Transfer-Encoding", "Reply-To"];
            for (index, name) in names.iter().enumerate() {
                assert!(known_headers.contains(name) && !names[..index].contains(name), "{mail}");
            }
            assert!(headers.contains(&("To".to_owned(), "box@studio.example".to_owned())));
            // Some servers treat a bare CR or LF as the end of a line.
            let (header_section, _) = mail.split_once("\r\n\r\n").unwrap();
            assert!(!header_section.replace("\r\n", "").contains(char::is_control), "{header_section:?}");
            assert!(mail.lines().all(|line| line.len() <= 998), "{mail:?}");
        }

        #[test]
        fn an_email_goes_only_to_the_address_of_the_account(
            input in prop_oneof![text(), "[!-~]{1,20}@[a-z.-]{1,20}", "[a-z]{1,9}@[^@]{1,9}\\.example", "\"[ -~]{1,20}\"@[a-z]{1,9}\\.example"],
        ) {
            let Ok(email) = Email::parse(&input) else { return Ok(()) };
            let address = parse_address(email.as_str()).unwrap();
            assert_eq!(address.to_string(), email.as_str());
            let message = Message {
                subject: "Hola".to_owned(), text: String::new(), html: String::new(), reply_to: None, unsubscribe_url: None,
            };
            let headers = headers(&formatted(message, email.as_str()));
            let to: Vec<_> = headers.iter().filter(|(name, _)| name == "To").collect();
            assert_eq!(to, [&("To".to_owned(), address.to_string())]);
        }
    }
}

//! Sending mail over SMTP, and what mails say. When a mail is sent, and again, is decided in `app::mail`.

/// What mails say.
pub mod letter;

use crate::domain::secret::Secret;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::time::Duration;

/// How the connection to the mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    None,
    /// It begins in clear and must be encrypted before anything is said.
    StartTls,
    /// From the first byte.
    Tls,
}

/// The mail server, and who writes.
#[derive(Debug, Clone)]
pub struct Options {
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// User and password, if the server wants them.
    pub login: Option<(String, Secret)>,
    /// `Weighhouse <weighhouse@example.com>`
    pub from: String,
    /// PEM text of an authority to trust besides those that the machine trusts.
    pub authority: Option<Vec<u8>>,
    /// How long the server may take for one step.
    pub timeout: Duration,
}

/// Why a mail was not taken; the words of the mail server, if it had any.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Refused {
    pub words: String,
    /// Trying again is no use: the server knows the receiver not.
    pub is_final: bool,
}

/// Sends mails, each over a connection of its own: they are few, and mail servers hang up on who rests.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// Says what is wrong with the options; connects to nobody yet.
    pub fn new(options: &Options) -> Result<Self, String> {
        let from: Mailbox = options.from.parse().map_err(|why| format!("`{}` is no sender: {why}", options.from))?;
        let mut parameters = TlsParameters::builder(options.host.clone());
        if let Some(pem) = &options.authority {
            let certificate =
                Certificate::from_pem(pem).map_err(|why| format!("the authority cannot be read: {why}"))?;
            parameters = parameters.add_root_certificate(certificate);
        }
        let parameters = || parameters.clone().build_rustls().map_err(|why| format!("TLS cannot be set up: {why}"));
        let tls = match options.security {
            Security::None => Tls::None,
            Security::StartTls => Tls::Required(parameters()?),
            Security::Tls => Tls::Wrapper(parameters()?),
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(options.host.clone())
            .port(options.port)
            .tls(tls)
            .timeout(Some(options.timeout))
            .hello_name(ClientId::default());
        if let Some((user, password)) = &options.login {
            transport = transport.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
        }
        Ok(Self { transport: transport.build(), from })
    }

    /// Hands a mail to the mail server; returns what the server says to it.
    pub async fn send(&self, to: &str, subject: &str, text: &str) -> Result<String, Refused> {
        let unusable = |why: String| Refused { words: why, is_final: true };
        let to: Mailbox = to.parse().map_err(|why| unusable(format!("nobody can have the address: {why}")))?;
        let message: MessageBuilder = Message::builder().from(self.from.clone()).to(to).subject(subject);
        let message = message.header(ContentType::TEXT_PLAIN).body(text.to_owned());
        let message = message.map_err(|why| unusable(format!("the mail cannot be written: {why}")))?;
        let response = self.transport.send(message).await.map_err(|error| refused(&error))?;
        let words: Vec<&str> = response.message().collect();
        Ok(format!("{} {}", response.code(), words.join(" ")))
    }
}

fn refused(error: &lettre::transport::smtp::Error) -> Refused {
    use std::error::Error;
    let mut words = error.to_string();
    let mut source = error.source();
    // The words of the server, of TLS or of the network are in what lies below.
    while let Some(below) = source {
        if !words.contains(&below.to_string()) {
            words = format!("{words}: {below}");
        }
        source = below.source();
    }
    // A refused password is a mistake in the settings, which somebody may mend; an unknown mailbox stays unknown.
    let code = error.status().map(|code| code.to_string());
    let is_final = code.is_some_and(|code| ["550", "551", "553", "556"].contains(&code.as_str()));
    Refused { words, is_final }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            host: "mail.example.com".into(),
            port: 25,
            security: Security::StartTls,
            login: Some(("weighhouse".into(), Secret::new("a secret"))),
            from: "Weighhouse <weighhouse@example.com>".into(),
            authority: None,
            timeout: Duration::from_secs(5),
        }
    }

    #[tokio::test]
    async fn options_that_cannot_work_are_refused_at_once() {
        assert!(Mailer::new(&options()).is_ok());
        let sender = Mailer::new(&Options { from: "nobody".into(), ..options() });
        assert!(sender.err().unwrap().contains("`nobody` is no sender"));
        let authority =
            Mailer::new(&Options { authority: Some(b"-----BEGIN CERTIFICATE-----\n".to_vec()), ..options() });
        assert!(authority.is_err());
    }

    #[tokio::test]
    async fn an_address_that_nobody_can_have_is_given_up_without_asking_a_server() {
        let mailer = Mailer::new(&options()).unwrap();

        let refused = mailer.send("a@b\r\nBcc: eve@example.com", "x", "y").await.unwrap_err();

        assert!(refused.is_final, "{refused}");
    }

    #[test]
    fn the_password_is_not_printed() {
        assert!(!format!("{:?}", options()).contains("a secret"));
    }
}

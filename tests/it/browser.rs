//! What a browser does: keeps the cookie it was given, and says which page a request comes from.

use crate::server::Server;
use serde_json::Value;

pub struct Browser<'s> {
    server: &'s Server<'s>,
    /// `name=value`, as it is sent.
    pub cookie: Option<String>,
    /// Sent with every request.
    pub headers: Vec<(&'static str, String)>,
}

/// An answer with what a browser looks at.
pub struct Page {
    pub status: u16,
    pub json: Value,
    pub headers: http::HeaderMap,
}

impl Page {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The word that programs know a refusal by.
    pub fn code(&self) -> &str {
        self.json["error"]["code"].as_str().unwrap_or_default()
    }
}

impl<'s> Browser<'s> {
    /// On a page of the server.
    pub fn new(server: &'s Server<'s>) -> Self {
        Self { server, cookie: None, headers: vec![("Sec-Fetch-Site", "same-origin".into())] }
    }

    /// The same with other words about where it comes from.
    pub fn saying(server: &'s Server<'s>, headers: &[(&'static str, &str)]) -> Self {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { server, cookie: None, headers }
    }

    pub fn ask(&mut self, method: &str, path: &str, body: &Value) -> Page {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server.url))
            .header("content-type", "application/json");
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut answer = agent.run(request.body(body).unwrap()).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        let page = Page {
            status: answer.status().as_u16(),
            json: serde_json::from_str(&text).unwrap_or(Value::Null),
            headers: answer.headers().clone(),
        };
        let set = page.header("set-cookie");
        if !set.is_empty() {
            let pair = set.split(';').next().unwrap();
            self.cookie = Some(pair.to_owned()).filter(|pair| !pair.ends_with('='));
        }
        page
    }

    pub fn sign_in(&mut self, login: &str, password: &str) -> Page {
        self.ask("POST", "/api/v1/session", &serde_json::json!({ "login": login, "password": password }))
    }
}

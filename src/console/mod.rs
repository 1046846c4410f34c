//! The web console: pages made by the server, for people who would rather look than read. Every page
//! is readable without scripts; nothing is asked of anybody else. What is shown and done is what the
//! table of operations gives and does, asked from within the process as the one who is logged in.

mod accounts;
mod ask;
mod audit;
mod book;
mod cookies;
mod door;
mod drawn;
mod fault;
mod figures;
mod files;
mod foresight;
mod frame;
mod groups;
mod held;
mod lists;
mod overview;
mod own;
pub mod picture;
mod routes;
mod sessions;
mod shapes;
mod steer;
mod tokens;
mod user;
mod user_types;
mod users;
mod views;
mod visit;
mod words;

pub use routes::{Page, pages, router};

use book::Book;
use std::sync::Arc;
use std::time::Duration;

/// Where the console stands.
pub const ROOT: &str = "/console";

/// What bounds logins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The most at a time; one more ends the one that rested for longest.
    pub max_sessions: usize,
    /// How long one outlasts its last request.
    pub idle: Duration,
    /// How long one lasts at most.
    pub longest: Duration,
    /// Whether browsers come by TLS: the cookie is then for TLS alone.
    pub is_secure: bool,
    /// Where browsers come to, if that is said: `https://HOST:PORT`.
    pub url: Option<String>,
}

/// Who is logged in. It outlives reloads of the configuration.
#[derive(Clone)]
pub struct Console {
    book: Arc<Book>,
    is_secure: bool,
    url: Option<Arc<str>>,
}

impl Console {
    /// Nobody is logged in.
    pub fn new(config: Config) -> Self {
        let (is_secure, url) = (config.is_secure, config.url.as_deref().map(Arc::from));
        Self { book: Arc::new(Book::new(config)), is_secure, url }
    }
}

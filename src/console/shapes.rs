//! What operations answer, as far as pages show it. Fields that are added there are no fault here.

use maud::{Markup, Render, html};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// A page of a listing.
#[derive(Deserialize)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<String>,
    #[serde(default)]
    pub(super) total: Option<usize>,
}

/// What is kept.
#[derive(Deserialize)]
pub(super) struct Store {
    pub(super) healthy: bool,
    pub(super) users: usize,
    pub(super) inactive: usize,
    pub(super) unknown: usize,
    pub(super) needs_decision: usize,
}

/// The groups around a group.
#[derive(Deserialize)]
pub(super) struct Around {
    pub(super) known: bool,
    pub(super) complete: bool,
    pub(super) below: Side,
    pub(super) above: Side,
}

#[derive(Deserialize)]
pub(super) struct Side {
    pub(super) items: Vec<GroupNames>,
    pub(super) more: usize,
}

/// A user; what a listing leaves out is empty.
#[derive(Deserialize)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) upstream_id: String,
    pub(super) directory: String,
    pub(super) user_type: String,
    pub(super) name: String,
    pub(super) dn: String,
    pub(super) display_name: Option<String>,
    pub(super) upstream_display_name: Option<String>,
    pub(super) update_on_sign_on: Option<bool>,
    pub(super) state: State,
    pub(super) last_sign_on: String,
    pub(super) observed_at: Option<String>,
    pub(super) observation: Observation,
    pub(super) effective_groups: usize,
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(super) memberships: Vec<Membership>,
}

#[derive(Deserialize)]
pub(super) struct State {
    pub(super) active: bool,
    pub(super) reasons: Vec<String>,
    pub(super) missing_since: Option<String>,
    pub(super) collision: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Observation {
    pub(super) groups: GroupsRead,
}

/// What was read of a user's groups.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum GroupsRead {
    Known,
    EntryGone,
    Unknown(String),
}

#[derive(Deserialize)]
pub(super) struct Membership {
    pub(super) group: GroupNames,
    #[serde(flatten)]
    pub(super) row: Row,
}

/// Who says that somebody is in a group, since when, and on which way.
#[derive(Deserialize)]
pub(super) struct Row {
    pub(super) provenance: String,
    pub(super) effective: bool,
    #[serde(default)]
    pub(super) in_review: bool,
    pub(super) direct: bool,
    pub(super) depth: usize,
    pub(super) path: Vec<String>,
    pub(super) since: String,
    pub(super) until: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct GroupNames {
    pub(super) id: String,
    pub(super) dn: Option<String>,
    pub(super) name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) directory: String,
    pub(super) name: String,
    pub(super) dn: String,
    pub(super) kind: String,
    pub(super) members: usize,
}

#[derive(Deserialize)]
pub(super) struct GroupWithMembers {
    #[serde(flatten)]
    pub(super) group: Group,
    pub(super) memberships: List<Member>,
}

#[derive(Deserialize)]
pub(super) struct Member {
    pub(super) user: MemberUser,
    pub(super) rows: Vec<Row>,
}

#[derive(Deserialize)]
pub(super) struct MemberUser {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) dn: String,
    pub(super) display_name: Option<String>,
    pub(super) active: bool,
}

#[derive(Deserialize)]
pub(super) struct UserType {
    pub(super) directory: String,
    pub(super) name: String,
    pub(super) update_on_sign_on: bool,
    pub(super) source: String,
    pub(super) set_at: Option<String>,
    pub(super) file: bool,
}

/// What became of an edit.
#[derive(Deserialize)]
pub(super) struct Edited {
    pub(super) changed: bool,
    pub(super) next_sign_on: Forecast,
}

#[derive(Deserialize)]
pub(super) struct Forecast {
    pub(super) text: String,
    pub(super) until: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Synced {
    pub(super) outcome: String,
    pub(super) unknown: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Forgotten {
    pub(super) next_sign_on: Forecast,
}

#[derive(Deserialize)]
pub(super) struct Held {
    pub(super) id: String,
    pub(super) directory: String,
    pub(super) kind: String,
    pub(super) since: String,
    pub(super) counts: String,
    pub(super) gone: usize,
    pub(super) of: usize,
    pub(super) examples: Vec<String>,
    pub(super) decision: String,
    pub(super) released: bool,
}

#[derive(Deserialize)]
pub(super) struct AuditRow {
    pub(super) sequence: i64,
    pub(super) at: String,
    pub(super) cause: String,
    pub(super) actor: String,
    pub(super) action: String,
    pub(super) user: Option<AuditUser>,
    pub(super) detail: String,
    pub(super) observation: Option<String>,
    #[serde(default)]
    pub(super) changes: Vec<Step>,
}

#[derive(Deserialize)]
pub(super) struct AuditUser {
    pub(super) upstream_id: String,
    pub(super) name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Step {
    pub(super) what: String,
    pub(super) of: Option<String>,
    pub(super) name: Option<String>,
    pub(super) provenance: Option<String>,
    pub(super) before: Vec<String>,
    pub(super) after: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Preview {
    pub(super) outcome: String,
    pub(super) reason: Option<String>,
    pub(super) bind: String,
    pub(super) update_on_sign_on: bool,
    pub(super) view: Option<String>,
    pub(super) observation: Observation,
    pub(super) changes: Vec<PlannedChange>,
    pub(super) held: Vec<GroupNames>,
}

#[derive(Deserialize)]
pub(super) struct PlannedChange {
    pub(super) what: String,
    pub(super) text: String,
}

#[derive(Deserialize)]
pub(super) struct Explanations {
    pub(super) user: User,
    pub(super) observation: Observation,
    pub(super) views: Vec<ViewOfUser>,
    pub(super) items: Vec<Explanation>,
}

/// How a view treats a user's sign-ons.
#[derive(Deserialize)]
pub(super) struct ViewOfUser {
    pub(super) view: String,
    pub(super) takes: bool,
    pub(super) binds: bool,
    pub(super) update_on_sign_on: bool,
    pub(super) otherwise: bool,
    pub(super) text: String,
}

/// Whether a view shows that a user is in a group.
#[derive(Deserialize)]
pub(super) struct Sight {
    pub(super) view: String,
    pub(super) shown: Option<bool>,
    pub(super) text: String,
}

#[derive(Deserialize)]
pub(super) struct Explanation {
    pub(super) group: GroupNames,
    pub(super) member: bool,
    pub(super) because: Vec<Ground>,
    pub(super) why_not: Vec<Miss>,
    pub(super) left: Option<Left>,
    pub(super) views: Vec<Sight>,
}

#[derive(Deserialize)]
pub(super) struct Ground {
    #[serde(flatten)]
    pub(super) row: Row,
    pub(super) directory_says: Option<Says>,
    pub(super) cut: Option<Cut>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Says {
    Confirmed,
    Gone,
    Unknown(String),
}

#[derive(Deserialize)]
pub(super) struct Cut {
    pub(super) member: Option<String>,
    pub(super) group: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Miss {
    pub(super) text: String,
    pub(super) since: Option<String>,
    pub(super) until: Option<String>,
    pub(super) path: Option<Vec<String>>,
}

#[derive(Deserialize)]
pub(super) struct Left {
    pub(super) at: String,
    pub(super) cause: String,
    pub(super) path: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Directory {
    pub(super) name: String,
    pub(super) kind: Option<String>,
    pub(super) servers: Vec<Server>,
    pub(super) pool: Pool,
    pub(super) groups: Strategy,
    pub(super) replica: Option<Replica>,
    pub(super) behind: Option<bool>,
    pub(super) seen: Option<String>,
    pub(super) shown: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Server {
    pub(super) url: String,
    pub(super) state: String,
}

#[derive(Deserialize)]
pub(super) struct Pool {
    pub(super) connections: usize,
    pub(super) leased: usize,
    pub(super) waiting: usize,
    pub(super) most: usize,
}

#[derive(Deserialize)]
pub(super) struct Strategy {
    pub(super) strategy: Option<String>,
    pub(super) otherwise: Option<String>,
    pub(super) warnings: Vec<String>,
    pub(super) unknown: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Replica {
    pub(super) state: String,
    pub(super) covers: Option<String>,
    pub(super) groups: usize,
    pub(super) users: usize,
    pub(super) heard_at: Option<String>,
}

/// Which of a user's groups is in which.
#[derive(Deserialize)]
pub(super) struct Ways {
    pub(super) items: Vec<GroupOnTheWay>,
}

#[derive(Deserialize)]
pub(super) struct GroupOnTheWay {
    pub(super) group: GroupNames,
    pub(super) direct: bool,
    pub(super) members: Vec<String>,
}

/// What was counted lately.
#[derive(Deserialize)]
pub(super) struct Figures {
    pub(super) step_seconds: i64,
    pub(super) items: Vec<Counted>,
}

/// What was counted in a step of time.
#[derive(Deserialize)]
pub(super) struct Counted {
    pub(super) at: String,
    pub(super) sign_ons: BTreeMap<String, u64>,
    pub(super) unknown: BTreeMap<String, u64>,
    pub(super) binds: BTreeMap<String, u64>,
    pub(super) bind_seconds: Spent,
    pub(super) bind_parts: Parts,
}

/// Where the time of binds went.
#[derive(Deserialize)]
pub(super) struct Parts {
    pub(super) upstream: Spent,
    pub(super) sign_on: Spent,
    pub(super) gateway: Spent,
}

/// How long something took, in seconds.
#[derive(Deserialize)]
pub(super) struct Spent {
    pub(super) count: u64,
    pub(super) mean: Option<f64>,
    pub(super) median: Option<f64>,
    pub(super) p95: Option<f64>,
}

/// A view: whom it is for, what it shows and serves, and its switch.
#[derive(Deserialize)]
pub(super) struct View {
    pub(super) name: String,
    pub(super) update_on_sign_on: Option<bool>,
    pub(super) source: String,
    pub(super) set_at: Option<String>,
    pub(super) file: Option<bool>,
    #[serde(rename = "match")]
    pub(super) matching: Matching,
    pub(super) shows: Shows,
    pub(super) serves: Serves,
}

#[derive(Deserialize)]
pub(super) struct Matching {
    pub(super) listeners: Vec<String>,
    pub(super) addresses: Vec<String>,
    pub(super) bind_dns: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Shows {
    pub(super) flatten: Option<String>,
    pub(super) group_base: Vec<String>,
    pub(super) group_filter: Option<String>,
    pub(super) group_names: BTreeMap<String, String>,
    pub(super) attributes: Option<Vec<String>>,
    pub(super) base: Vec<String>,
    pub(super) filter: Option<String>,
    pub(super) inactive: Option<String>,
    pub(super) visible_to: String,
    pub(super) visible_to_names: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Serves {
    pub(super) operations: Option<Vec<String>>,
    pub(super) writes: bool,
    pub(super) bind_only: bool,
}

/// A client that is connected.
#[derive(Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) peer: String,
    pub(super) tls: bool,
    pub(super) since: String,
    pub(super) name: Option<String>,
}

/// An account of the gateway's own.
#[derive(Deserialize)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) dn: String,
    pub(super) view: String,
    pub(super) view_exists: bool,
    pub(super) enabled: bool,
    pub(super) created_at: String,
    pub(super) created_by: String,
    pub(super) expires_at: Option<String>,
    pub(super) expired: bool,
    pub(super) last_used: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct MadeAccount {
    #[serde(flatten)]
    pub(super) account: Account,
    pub(super) password: Option<Once>,
}

/// A token, without what is shown of it once.
#[derive(Deserialize)]
pub(super) struct Token {
    pub(super) name: String,
    pub(super) role: String,
    pub(super) created_at: String,
    pub(super) created_by: String,
    pub(super) expires_at: Option<String>,
    pub(super) expired: bool,
}

#[derive(Deserialize)]
pub(super) struct MadeToken {
    #[serde(flatten)]
    pub(super) shown: Token,
    pub(super) token: Once,
}

/// What is shown once: it is wiped when it is dropped, and nothing but a page can say it.
pub(super) struct Once(Zeroizing<String>);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl Render for Once {
    fn render(&self) -> Markup {
        html! { code class="secret" { (self.0.as_str()) } }
    }
}

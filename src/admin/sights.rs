//! What client applications have to do with why a user is in a group: how views treat the user's
//! sign-ons, and which of them hide a group or call it otherwise.

use super::answer::Refusal;
use super::desk::{Desk, Needs};
use crate::app::sign_on::Foreseen;
use crate::app::switches;
use crate::app::view_switches::Listed;
use crate::domain::identity;
use crate::domain::observation::{Closure, Observed};
use crate::domain::policy::{DirectoryPolicy, GroupSync, Switch, UserType};
use crate::domain::record::{Group, Record};
use crate::domain::serving::ServePolicy;
use crate::domain::view::View;
use crate::domain::view::sight::{Eye, Looker, Shown, Sight, Treatment, treatment};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// How a view treats a user's sign-ons.
#[derive(Serialize, JsonSchema)]
pub(super) struct ViewOfUser {
    view: String,
    /// Whether the user's sign-ons may be by it: false where it is for others by name.
    takes: bool,
    /// Whether it serves binds.
    binds: bool,
    /// What it says itself; null is nothing.
    says: Option<bool>,
    /// Whether the record follows the directory at a sign-on by it.
    update_on_sign_on: bool,
    /// Whether that is treated otherwise than a sign-on by none.
    otherwise: bool,
    text: String,
}

/// Whether a view shows that a user is in a group.
#[derive(Serialize, JsonSchema)]
pub(super) struct SightJson {
    view: String,
    /// Null where that cannot be told.
    shown: Option<bool>,
    /// What the group is called there.
    #[serde(skip_serializing_if = "Option::is_none")]
    called: Option<String>,
    /// Why it is not shown, or why that cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    text: String,
}

/// All views, or the one of that name.
pub(super) fn wanted<N: Needs>(desk: &Desk<N>, name: Option<&str>) -> Result<Vec<Listed>, Refusal> {
    let mut all = desk.views.list();
    if let Some(name) = name {
        all.retain(|listed| listed.view.name == name);
        if all.is_empty() {
            return Err(Refusal::NotFound(format!("no view is called {name:?}")));
        }
    }
    Ok(all)
}

/// How these views treat a user's sign-ons.
pub(super) fn treatments<N: Needs>(
    desk: &Desk<N>,
    record: &Record,
    views: &[Listed],
) -> Vec<ViewOfUser> {
    let of_type = desk.user_type(record).map_or(Switch::On, |user_type| {
        switches::effective(&desk.catalogue, &record.key.directory, user_type, None)
    });
    let of_view = |listed: &Listed| {
        let said = (listed.value, of_type, record.switch);
        let treated = treatment(&listed.view, &record.dn, said);
        ViewOfUser {
            view: listed.view.name.clone(),
            takes: treated.may_take,
            binds: treated.binds,
            says: listed.value.map(Switch::is_on),
            update_on_sign_on: treated.switch.is_on(),
            otherwise: treated.is_otherwise,
            text: in_words(&treated, listed, record),
        }
    };
    views.iter().map(of_view).collect()
}

fn in_words(treated: &Treatment, listed: &Listed, record: &Record) -> String {
    let on = if treated.switch.is_on() { "on" } else { "off" };
    let whose = match (record.switch, listed.value) {
        (Some(_), _) => "as the user's own switch says".to_owned(),
        (None, Some(_)) => format!("as the view says ({})", listed.source.name()),
        (None, None) => "as the user type says".to_owned(),
    };
    match (treated.may_take, treated.binds) {
        (false, _) => "it is for others by name".to_owned(),
        (true, false) => "it serves no binds".to_owned(),
        (true, true) => format!("update on sign-on is {on} at sign-ons by it, {whose}"),
    }
}

/// Whom views look at, with all that is told of the user.
pub(super) struct Subject<'a> {
    record: &'a Record,
    policy: Option<&'a Arc<DirectoryPolicy>>,
    serve: ServePolicy,
    user_type: Option<&'a UserType>,
    follows: bool,
    foreseen: Option<&'a Foreseen>,
    read: Vec<String>,
    groups: &'a Observed<Closure>,
}

impl<'a> Subject<'a> {
    pub(super) fn new<N: Needs>(
        desk: &'a Desk<N>,
        record: &'a Record,
        foreseen: Option<&'a Foreseen>,
        groups: &'a Observed<Closure>,
    ) -> Self {
        let name = &record.key.directory;
        let policy = desk.directories.iter().find(|policy| policy.name == *name);
        let serve = desk.serve.iter().find(|(of, _)| of == name);
        let user_type = desk.user_type(record);
        let follows = |user_type: &UserType| {
            user_type.groups == GroupSync::Always && desk.switch(record).is_on()
        };
        Self {
            record,
            policy,
            serve: serve.map(|(_, serve)| serve.clone()).unwrap_or_default(),
            user_type,
            follows: user_type.is_none_or(follows),
            foreseen,
            read: policy.map(|policy| identity::attributes_to_read(policy)).unwrap_or_default(),
            groups,
        }
    }

    fn eye<'s>(&'s self, view: Option<&'s View>) -> Eye<'s> {
        let flatten = self.policy.and_then(|policy| policy.groups.as_ref());
        let flatten = flatten.map(|groups| groups.flatten);
        let observation = self.foreseen.and_then(|foreseen| foreseen.observation.as_ref());
        let entry = observation.map(|observation| (&observation.user.entry, &*self.read));
        let (record, user_type, follows) = (self.record, self.user_type, self.follows);
        let shown = Shown { record, user_type, follows, entry, groups: self.groups };
        Eye::new(&Looker { view, serve: &self.serve, flatten }, &shown)
    }
}

/// What views make of groups, one after the other.
pub(super) struct Eyes<'a> {
    plain: Eye<'a>,
    of_views: Vec<(&'a View, Eye<'a>)>,
    /// Whether each view is told of, or only one that shows a group otherwise than without a view.
    all: bool,
}

impl<'a> Eyes<'a> {
    pub(super) fn new(subject: &'a Subject<'a>, views: &'a [Listed], all: bool) -> Self {
        let of_view = |listed: &'a Listed| (&*listed.view, subject.eye(Some(&listed.view)));
        Self { plain: subject.eye(None), of_views: views.iter().map(of_view).collect(), all }
    }

    /// What they make of one.
    pub(super) fn see(&self, group: &Group) -> Vec<SightJson> {
        let plain = self.plain.sees(group);
        let sights = self.of_views.iter().map(|(view, eye)| (*view, eye.sees(group)));
        let told = sights.filter(|(_, sight)| self.all || *sight != plain);
        told.map(|(view, sight)| sight_json(view, &sight, group)).collect()
    }
}

fn sight_json(view: &View, sight: &Sight, group: &Group) -> SightJson {
    let (shown, called, why, text) = match sight {
        Sight::Shown(name) => {
            let text = match *name == group.dn {
                true => "shown".to_owned(),
                false => format!("shown as {name}"),
            };
            (Some(true), Some(name.clone()), None, text)
        }
        Sight::Hidden(why) => {
            (Some(false), None, Some(why.name()), format!("hidden: {}", why.text()))
        }
        Sight::Unsure(why) => (None, None, Some(why.name()), why.text()),
    };
    SightJson { view: view.name.clone(), shown, called, why, text }
}

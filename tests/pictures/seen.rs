//! What is to be seen on a picture, as an XML reader finds it.

use roxmltree::{Document, Node};

/// What is on a picture.
pub(crate) struct Seen {
    boxes: Vec<Box>,
    steps: Vec<(String, String)>,
    legend: Vec<String>,
    left_out: String,
    links: Vec<String>,
    description: String,
    paths: Vec<(String, String)>,
    classes: Vec<String>,
}

struct Box {
    name: String,
    below: String,
    at: Rect,
}

#[derive(Debug, Clone, Copy)]
struct Rect {
    x: i32,
    y: i32,
    width: i32,
    height: i32,
}

fn has_class(node: Node<'_, '_>, class: &str) -> bool {
    node.attribute("class").is_some_and(|all| all.split(' ').any(|one| one == class))
}

fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect()
}

fn child<'a>(node: Node<'a, 'a>, wanted: impl Fn(Node<'_, '_>) -> bool) -> Option<Node<'a, 'a>> {
    node.children().find(|child| wanted(*child))
}

impl Seen {
    /// Reads a picture: it is XML, no two of its boxes overlap, and everything lies within it.
    #[track_caller]
    pub(crate) fn read(picture: &str) -> Self {
        let document =
            Document::parse(picture).unwrap_or_else(|error| panic!("{error}: {picture}"));
        let all = || document.descendants();
        let forbidden = |node: &Node<'_, '_>| {
            node.has_tag_name("script")
                || node.has_tag_name("style")
                || node.attribute("style").is_some()
                || node.attributes().any(|attribute| attribute.name().starts_with("on"))
        };
        assert_eq!(all().find(forbidden).map(|node| node.tag_name().name().to_owned()), None);
        let of = |class: &'static str| all().filter(move |node| has_class(*node, class));
        let title = |node| text(child(node, |node| node.tag_name().name() == "title").unwrap());
        // samples of the legend have no view of their own
        let svg = all().find(|node| node.attribute("viewBox").is_some()).unwrap();
        let in_drawing = |node: &Node<'_, '_>| node.ancestors().any(|above| above == svg);
        let seen = Self {
            boxes: of("box").map(|node| Box::read(node)).collect(),
            steps: of("edge")
                .filter(in_drawing)
                .map(|node| (title(node), node.attribute("class").unwrap().to_owned()))
                .collect(),
            legend: of("legend").flat_map(|list| list.children().map(text)).collect(),
            left_out: of("left-out").map(text).collect(),
            description: all().filter(|node| node.tag_name().name() == "desc").map(text).collect(),
            paths: all()
                .filter(in_drawing)
                .filter_map(|node| {
                    Some((node.attribute("class")?.to_owned(), node.attribute("d")?.to_owned()))
                })
                .collect(),
            classes: all().filter_map(|node| node.attribute("class")).map(str::to_owned).collect(),
            links: of("box").filter_map(|node| node.attribute("href")).map(str::to_owned).collect(),
        };
        let size = |name| svg.attribute(name).unwrap().parse::<i32>().unwrap();
        let drawing = svg.children().filter(|node| node.is_element()).count();
        assert!(drawing > 1, "nothing is drawn");
        seen.is_in_order(size("width"), size("height"));
        seen
    }

    #[track_caller]
    fn is_in_order(&self, width: i32, height: i32) {
        for (at, one) in self.boxes.iter().enumerate() {
            let Rect { x, y, width: wide, height: high } = one.at;
            let is_within = x >= 0 && y >= 0 && x + wide <= width && y + high <= height;
            assert!(is_within, "{:?} lies outside of {width} x {height}", one.at);
            for other in &self.boxes[..at] {
                let (a, b) = (one.at, other.at);
                let apart = a.x + a.width < b.x
                    || b.x + b.width < a.x
                    || a.y + a.height < b.y
                    || b.y + b.height < a.y;
                assert!(apart, "{} {a:?} overlaps {} {b:?}", one.name, other.name);
            }
        }
    }

    /// The names in the boxes.
    pub(crate) fn boxes(&self) -> Vec<&str> {
        sorted(self.boxes.iter().map(|one| &*one.name).collect())
    }

    /// What the steps say.
    pub(crate) fn steps(&self) -> Vec<&str> {
        sorted(self.steps.iter().map(|(title, _)| &**title).collect())
    }

    /// Those that are marked as closing a cycle.
    pub(crate) fn cycle_steps(&self) -> Vec<&str> {
        let cycles = self.steps.iter().filter(|(_, class)| class.split(' ').any(|c| c == "cycle"));
        sorted(cycles.map(|(title, _)| &**title).collect())
    }

    pub(crate) fn legend(&self) -> &[String] {
        &self.legend
    }

    pub(crate) fn left_out(&self) -> &str {
        &self.left_out
    }

    pub(crate) fn links(&self) -> &[String] {
        &self.links
    }

    /// What is read to those who do not see it.
    pub(crate) fn description(&self) -> &str {
        &self.description
    }

    /// The line that looks like that.
    #[track_caller]
    pub(crate) fn path(&self, class: &str) -> String {
        let found = self.paths.iter().find(|(one, _)| one == class);
        found.unwrap_or_else(|| panic!("no {class:?}")).1.clone()
    }

    pub(crate) fn has(&self, class: &str) -> bool {
        self.classes.iter().any(|one| one == class)
    }

    /// The second line of a box.
    pub(crate) fn below(&self, name: &str) -> &str {
        &self.named(name).below
    }

    pub(crate) fn is_left_of(&self, left: &str, right: &str) -> bool {
        self.named(left).at.x + self.named(left).at.width < self.named(right).at.x
    }

    fn named(&self, name: &str) -> &Box {
        self.boxes.iter().find(|one| one.name == name).unwrap_or_else(|| panic!("no box {name:?}"))
    }
}

impl Box {
    fn read(node: Node<'_, '_>) -> Self {
        let part = |class| node.children().find(|child| has_class(*child, class)).map(text);
        let rect = node.children().find(|child| child.tag_name().name() == "rect").unwrap();
        let number = |name| rect.attribute(name).unwrap().parse().unwrap();
        let at = Rect {
            x: number("x"),
            y: number("y"),
            width: number("width"),
            height: number("height"),
        };
        Self { name: part("name").unwrap(), below: part("below").unwrap_or_default(), at }
    }
}

fn sorted(mut all: Vec<&str>) -> Vec<&str> {
    all.sort_unstable();
    all
}

//! A server that tells of its changes by itself: the copy has them before anybody asks, and the ids of
//! all groups are listed only where nobody knows what a change was. Nothing else depends on it.

use crate::numbered::{DELETED, Directory, Kind, MODIFIED, Scene, Watch};
use crate::served::bounded;

/// A copy of a directory that tells, or does not.
async fn scene(kind: Kind, watch: Watch) -> Scene {
    let directory = Directory::new(kind);
    directory.set(|world| world.watch = watch);
    Scene::of(directory).await
}

impl Scene {
    /// How often all ids were listed.
    fn lists(&self) -> usize {
        self.directory.set(|world| world.lists)
    }
}

#[tokio::test]
async fn a_change_that_is_told_is_in_the_copy_before_anybody_asks() {
    for kind in [Kind::Active, Kind::Ds389] {
        let scene = scene(kind, Watch::Telling).await;
        // By itself the copy asks so seldom that this would take longer than the test may.
        let all = async {
            for last in 6..=8 {
                scene.directory.put(last);
                let expected: Vec<u8> = (1..=last).collect();
                while scene.groups() != expected {
                    tokio::task::yield_now().await;
                }
            }
        };
        bounded(all).await;
    }
}

#[tokio::test]
async fn s4_4_the_ids_of_all_are_not_listed_while_each_change_is_told() {
    let scene = scene(Kind::Ds389, Watch::Telling).await;
    scene.pulled(&[1, 2, 3, 4, 5]).await;
    let before = scene.lists();
    // Somebody else is changed again and again, so that no entry shows most of the numbers.
    for _ in 0..20 {
        (0..10).for_each(|_| scene.directory.write());
        scene.pulled(&[1, 2, 3, 4, 5]).await;
    }
    assert_eq!(scene.lists(), before);
    // One that is deleted has a number that is not told.
    scene.directory.write();
    scene.directory.delete(4);
    scene.directory.write();
    scene.pulled(&[1, 2, 3, 5]).await;
    assert_eq!(scene.lists(), before + 1);
    // What is not told may be anything.
    scene.directory.set(|world| world.watch = Watch::Silent);
    (0..10).for_each(|_| scene.directory.write());
    scene.pulled(&[1, 2, 3, 5]).await;
    assert_eq!(scene.lists(), before + 2);
}

#[tokio::test]
async fn s4_4_what_is_told_of_others_never_hides_that_a_group_is_gone() {
    let scene = scene(Kind::Ds389, Watch::Telling).await;
    // A server that tells of what is gone with its new number.
    scene.directory.set(|world| {
        world.number += 1;
        world.groups.remove(&1);
        world
            .told
            .push((world.entry("cn=g1,ou=unit,ou=groups,dc=x", 1, world.number, &[]), DELETED));
    });
    scene.pulled(&[2, 3, 4, 5]).await;
    // Numbers of another part are of another count.
    scene.directory.set(|world| {
        world.number += 1;
        world.groups.remove(&2);
        world.told.push((world.entry("cn=y,ou=other,dc=x", 251, world.number, &[]), MODIFIED));
    });
    scene.pulled(&[3, 4, 5]).await;
}

#[tokio::test]
async fn without_a_search_that_goes_on_nothing_is_wrong() {
    for kind in [Kind::Active, Kind::Ds389] {
        for watch in [Watch::Unknown, Watch::Refused, Watch::Silent] {
            let scene = scene(kind, watch).await;
            scene.directory.put(6);
            scene.directory.delete(1);
            scene.directory.write();
            scene.pulled(&[2, 3, 4, 5, 6]).await;
        }
        let scene = scene(kind, Watch::Telling).await;
        scene.directory.set(|world| world.watch = Watch::Ended);
        scene.directory.put(6);
        scene.directory.delete(1);
        scene.directory.write();
        scene.pulled(&[2, 3, 4, 5, 6]).await;
    }
}

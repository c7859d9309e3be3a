//! Whose container a cgroup is, as far as its path tells.
//!
//! The kubelet and the runtimes of containers name cgroups after what they hold: a pod by its UID,
//! a container by its id. The pod's name is in no path. What looks otherwise tells nothing here.

use std::borrow::Cow;

/// What a path tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Container<'a> {
    /// `metadata.uid` of the Kubernetes pod; of a static pod, the hash of its file.
    pub(super) pod_uid: Option<Cow<'a, str>>,
    /// The runtime's id.
    pub(super) id: Option<&'a str>,
}

/// How runtimes begin the names of containers' cgroups. Others with an id, such as `crio-conmon-`,
/// are not the container.
const RUNTIMES: [&str; 5] = ["cri-containerd-", "crio-", "docker-", "libpod-", "nerdctl-"];
/// Below this, Docker without systemd names cgroups by the id alone.
const DOCKER: &str = "docker";

impl<'a> Container<'a> {
    /// By a cgroup's path from the root.
    pub(super) fn of(path: &'a str) -> Self {
        let mut found = Self::default();
        let mut parent = "";
        for name in path.split('/') {
            found.look_at(name, parent);
            parent = name;
        }
        found
    }

    fn look_at(&mut self, name: &'a str, parent: &str) {
        // Where the kubelet is told of systemd and the runtime is not, one name has all of it:
        // `SLICE:RUNTIME:ID`.
        let (slice, rest) = name.split_once(':').unwrap_or((name, ""));
        if let Some(uid) = pod_uid(slice) {
            *self = Self {
                pod_uid: Some(uid),
                id: rest.split_once(':').and_then(|(_, id)| container_id(id)),
            };
        } else {
            let is_named_by_id = parent == DOCKER || pod_uid(parent).is_some();
            let id = of_runtime(name).or_else(|| container_id(name).filter(|_| is_named_by_id));
            self.id = id.or(self.id);
        }
    }
}

/// Of `podUID`, or with systemd `kubepods-burstable-podUID.slice`, where dashes are underscores.
fn pod_uid(name: &str) -> Option<Cow<'_, str>> {
    let Some(slice) = name.strip_suffix(".slice") else {
        let uid = name.strip_prefix("pod")?;
        return is_uid(uid).then_some(Cow::Borrowed(uid));
    };
    let (above, uid) = slice.rsplit_once("-pod")?;
    let uid = uid.replace('_', "-");
    let is_kubelets = above.split('-').any(|part| part == "kubepods");
    (is_kubelets && is_uid(&uid)).then_some(Cow::Owned(uid))
}

/// As the API server makes them, or the hash by which the kubelet knows what a file describes.
fn is_uid(text: &str) -> bool {
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    is_hex(&text.replace('-', "")) && matches!(lengths[..], [8, 4, 4, 4, 12] | [32])
}

fn of_runtime(name: &str) -> Option<&str> {
    let name = name.strip_suffix(".scope").unwrap_or(name);
    let id = RUNTIMES.iter().find_map(|begin| name.strip_prefix(begin));
    container_id(id?)
}

fn container_id(text: &str) -> Option<&str> {
    (text.len() == 64 && is_hex(text)).then_some(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
    const HASH: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";
    const ID: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    /// `UID`, `U_I_D` and `ID` in a path stand for those.
    fn of(path: &str) -> (Option<String>, Option<String>) {
        let path = path
            .replace("U_I_D", &UID.replace('-', "_"))
            .replace("UID", UID)
            .replace("HASH", HASH)
            .replace("ID", ID);
        let found = Container::of(&path);
        (
            found.pod_uid.map(Cow::into_owned),
            found.id.map(str::to_owned),
        )
    }

    #[test]
    fn pods_and_containers_are_told() {
        let besteffort = "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort";
        let systemd = |end: &str| format!("{besteffort}-podU_I_D.slice/{end}");
        let paths = [
            // The kubelet's driver is cgroupfs.
            "/kubepods/podUID/ID".to_owned(),
            "/kubepods/burstable/podUID/ID".to_owned(),
            "/kubepods/besteffort/podUID/crio-ID".to_owned(),
            "/kubelet/kubepods/burstable/podUID/ID".to_owned(),
            // It is systemd.
            "/kubepods.slice/kubepods-podU_I_D.slice/cri-containerd-ID.scope".to_owned(),
            systemd("cri-containerd-ID.scope"),
            systemd("crio-ID.scope"),
            systemd("docker-ID.scope"),
            // And something of the container's own below.
            systemd("crio-ID.scope/container"),
            systemd("cri-containerd-ID.scope/init.scope"),
            "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podU_I_D.slice/cri-containerd-ID.scope"
                .to_owned(),
            // The runtime's is another than the kubelet's.
            "/system.slice/containerd.service/kubepods-burstable-podU_I_D.slice:cri-containerd:ID"
                .to_owned(),
        ];
        for path in paths {
            let expected = (Some(UID.to_owned()), Some(ID.to_owned()));
            assert_eq!(of(&path), expected, "{path}");
        }
    }

    #[test]
    fn static_pods_have_a_hash() {
        let (uid, id) = of("/kubepods/burstable/podHASH/ID");
        assert_eq!((uid.as_deref(), id.as_deref()), (Some(HASH), Some(ID)));
        let (uid, _) = of("/kubepods.slice/kubepods-podHASH.slice/crio-ID.scope");
        assert_eq!(uid.as_deref(), Some(HASH));
    }

    #[test]
    fn containers_without_a_pod_are_told() {
        for path in [
            "/system.slice/docker-ID.scope",
            "/docker/ID",
            "/docker/ID/job",
            "/machine.slice/libpod-ID.scope",
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container",
            "/system.slice/nerdctl-ID.scope",
        ] {
            assert_eq!(of(path), (None, Some(ID.to_owned())), "{path}");
        }
    }

    #[test]
    fn of_containers_in_one_the_innermost_is_told() {
        let inner = "f".repeat(64);
        let nested = format!("/kubepods/podUID/ID/docker/{inner}");
        assert_eq!(of(&nested), (Some(UID.to_owned()), Some(inner)));
    }

    #[test]
    fn nothing_is_guessed() {
        for path in [
            "",
            "/",
            "/user.slice/job",
            "/system.slice/podman.service",
            // Of another length, or with other letters.
            "/docker/0011",
            "/docker/IDa",
            "/kubepods/podUIDa",
            "/kubepods/pod0a1b2c3d-4e5f",
            "/kubepods/podg0000000-0000-0000-0000-000000000000",
            // Nobody known calls it so.
            "/ID",
            "/slurm/uid_0/job_1/ID",
            "/system.slice/other-ID.scope",
            "/mine-podU_I_D.slice",
            "/a:b:ID",
        ] {
            assert_eq!(of(path), (None, None), "{path}");
        }
        // What watches a container is in its pod, and is not the container.
        let watcher = "/kubepods.slice/kubepods-podU_I_D.slice/crio-conmon-ID.scope";
        assert_eq!(of(watcher), (Some(UID.to_owned()), None));
    }
}

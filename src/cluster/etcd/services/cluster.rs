//! `etcdserverpb.Cluster`.

use hyper::Uri;
use tonic::{Request, Response, Status};

use crate::cluster::etcd::convert;
use crate::cluster::etcd::node::{Member, MemberChange, MemberError};
use crate::cluster::etcd::pb::etcdserverpb::{self as pb, cluster_server::Cluster};
use crate::cluster::etcd::surface::Surface;
use crate::cluster::store::id::MemberId;

/// Members.
pub struct ClusterService(pub Surface);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Cluster for ClusterService {
    async fn member_add(&self, request: Request<pb::MemberAddRequest>) -> Answer<pb::MemberAddResponse> {
        let peer_urls = peer_urls(request.get_ref().peer_ur_ls.clone())?;
        self.0.root(&request)?;
        let wire = request.into_inner();
        let change = MemberChange::Add { peer_urls, learner: wire.is_learner };
        let (members, added) = self.0.node.change_members(change).await?;
        let member = members.iter().find(|member| member.id == added).cloned().map(convert::member);
        let members = to_wire(members);
        Ok(Response::new(pb::MemberAddResponse { header: self.0.header_of_cluster(), member, members }))
    }

    async fn member_remove(
        &self,
        request: Request<pb::MemberRemoveRequest>,
    ) -> Answer<pb::MemberRemoveResponse> {
        self.0.root(&request)?;
        let change = MemberChange::Remove(MemberId(request.into_inner().id));
        let (members, _) = self.0.node.change_members(change).await?;
        let members = to_wire(members);
        Ok(Response::new(pb::MemberRemoveResponse { header: self.0.header_of_cluster(), members }))
    }

    async fn member_update(
        &self,
        request: Request<pb::MemberUpdateRequest>,
    ) -> Answer<pb::MemberUpdateResponse> {
        self.0.root(&request)?;
        let wire = request.into_inner();
        // etcd looks at the URLs of a new member only.
        let change = MemberChange::Update { id: MemberId(wire.id), peer_urls: wire.peer_ur_ls };
        let (members, _) = self.0.node.change_members(change).await?;
        let members = to_wire(members);
        Ok(Response::new(pb::MemberUpdateResponse { header: self.0.header_of_cluster(), members }))
    }

    async fn member_list(&self, request: Request<pb::MemberListRequest>) -> Answer<pb::MemberListResponse> {
        self.0.user(&request)?;
        if request.get_ref().linearizable {
            self.0.barrier().await?;
        }
        let members = to_wire(self.0.node.members());
        Ok(Response::new(pb::MemberListResponse { header: self.0.header_of_cluster(), members }))
    }

    async fn member_promote(
        &self,
        request: Request<pb::MemberPromoteRequest>,
    ) -> Answer<pb::MemberPromoteResponse> {
        self.0.root(&request)?;
        let change = MemberChange::Promote(MemberId(request.into_inner().id));
        let (members, _) = self.0.node.change_members(change).await?;
        let members = to_wire(members);
        Ok(Response::new(pb::MemberPromoteResponse { header: self.0.header_of_cluster(), members }))
    }
}

fn to_wire(members: Vec<Member>) -> Vec<pb::Member> {
    members.into_iter().map(convert::member).collect()
}

/// The URLs of a new member, in order. There must be one; each has a scheme that etcd knows, a host with a port, and no
/// path.
fn peer_urls(mut urls: Vec<String>) -> Result<Vec<String>, MemberError> {
    if urls.is_empty() || !urls.iter().all(|url| is_peer_url(url.trim())) {
        return Err(MemberError::BadUrls);
    }
    urls.sort();
    Ok(urls)
}

fn is_peer_url(url: &str) -> bool {
    if let Some(path) = url.strip_prefix("unix://").or_else(|| url.strip_prefix("unixs://")) {
        return !path.is_empty();
    }
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    let bare = uri.path() == "/" && !url.ends_with('/') && uri.query().is_none();
    known && bare && uri.port_u16().is_some() && uri.host().is_some_and(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_members_url_has_a_scheme_a_host_and_a_port_and_nothing_else() {
        for good in ["http://127.0.0.1:2380", "https://[::1]:2380", "http://host:1", "unix://host:1"] {
            assert!(is_peer_url(good), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:2380",
            "http://127.0.0.1",
            "ftp://h:1",
            "http://h:1/p",
            "http://h:1/",
            "http://:1",
        ] {
            assert!(!is_peer_url(bad), "{bad}");
        }
        assert_eq!(peer_urls(vec![]), Err(MemberError::BadUrls));
    }
}

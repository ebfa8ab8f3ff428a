//! Interfaces by name, glob or default route, and who else has a program there.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use aya::programs::loaded_programs;
use futures_util::TryStreamExt as _;
use glob::Pattern;
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage, LinkXdp};
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage, RouteType};
use rtnetlink::{Handle, RouteMessageBuilder};

use super::error::DataplaneError;

/// The argument that stands for every interface with a default route.
const AUTO: &str = "auto";

/// An interface of this network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its index.
    pub index: u32,
    /// Number of an XDP program attached to it, whoever's it is.
    pub xdp_program: Option<u32>,
}

/// The interfaces that `wanted` names: names, globs (`wan*`), or `auto`.
///
/// # Errors
/// A name or glob that fits nothing, `auto` without a default route, or no answer from the kernel.
pub async fn resolve(wanted: &[String]) -> Result<Vec<Interface>, DataplaneError> {
    let netlink = |source| DataplaneError::Netlink { source };
    let (connection, handle, _) = rtnetlink::new_connection().map_err(netlink)?;
    let connection = tokio::spawn(connection);
    let found = async {
        let all = interfaces(&handle).await?;
        let default =
            if wanted.iter().any(|name| name == AUTO) { default_routes(&handle).await? } else { vec![] };
        Ok((all, default))
    };
    let found = found.await;
    connection.abort();
    let (all, default) = found.map_err(|source: rtnetlink::Error| netlink(io::Error::other(source)))?;
    choose(wanted, &all, &default)
}

/// One interface as it is now; `None` if it is gone or the kernel doesn't answer.
pub(super) async fn current(index: u32) -> Option<Interface> {
    let (connection, handle, _) = rtnetlink::new_connection().ok()?;
    let connection = tokio::spawn(connection);
    let found = interfaces(&handle).await;
    connection.abort();
    found.ok()?.into_iter().find(|interface| interface.index == index)
}

fn choose(wanted: &[String], all: &[Interface], default: &[u32]) -> Result<Vec<Interface>, DataplaneError> {
    let mut chosen: Vec<Interface> = Vec::new();
    for name in wanted {
        let fits = |interface: &&Interface| {
            if name == AUTO { default.contains(&interface.index) } else { fits(name, &interface.name) }
        };
        let mut fitting = all.iter().filter(fits).peekable();
        if fitting.peek().is_none() {
            return Err(if name == AUTO {
                DataplaneError::NoDefaultRoute
            } else {
                DataplaneError::NoSuchInterface { name: name.clone() }
            });
        }
        for interface in fitting {
            if !chosen.contains(interface) {
                chosen.push(interface.clone());
            }
        }
    }
    Ok(chosen)
}

/// Whether a name or glob fits an interface's name. `auto` is neither.
pub(super) fn fits(wanted: &str, name: &str) -> bool {
    wanted != AUTO && (name == wanted || Pattern::new(wanted).is_ok_and(|pattern| pattern.matches(name)))
}

async fn interfaces(handle: &Handle) -> Result<Vec<Interface>, rtnetlink::Error> {
    let links: Vec<LinkMessage> = handle.link().get().execute().try_collect().await?;
    Ok(links.iter().filter_map(interface).collect())
}

pub(super) fn interface(link: &LinkMessage) -> Option<Interface> {
    let name = link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    })?;
    let xdp = link.attributes.iter().filter_map(|attribute| match attribute {
        LinkAttribute::Xdp(parts) => Some(parts),
        _ => None,
    });
    // With one program the kernel gives its number; with one in each mode, only the numbers by mode.
    let xdp_program = xdp.flatten().find_map(|part| match part {
        LinkXdp::ProgId(id) | LinkXdp::DrvProgId(id) | LinkXdp::SkbProgId(id) | LinkXdp::HwProgId(id) => {
            (*id != 0).then_some(*id)
        }
        _ => None,
    });
    Some(Interface { name, index: link.header.index, xdp_program })
}

/// Indexes of the interfaces that default routes of either family go out by.
async fn default_routes(handle: &Handle) -> Result<Vec<u32>, rtnetlink::Error> {
    let families =
        [RouteMessageBuilder::<Ipv4Addr>::new().build(), RouteMessageBuilder::<Ipv6Addr>::new().build()];
    let mut found = Vec::new();
    for family in families {
        let routes: Vec<RouteMessage> = handle.route().get(family).execute().try_collect().await?;
        let default = routes.iter().filter(|route| {
            route.header.destination_prefix_length == 0 && route.header.kind == RouteType::Unicast
        });
        for route in default {
            found.extend(outgoing(&route.attributes));
        }
    }
    Ok(found)
}

fn outgoing(attributes: &[RouteAttribute]) -> Vec<u32> {
    let mut found = Vec::new();
    for attribute in attributes {
        match attribute {
            RouteAttribute::Oif(index) => found.push(*index),
            RouteAttribute::MultiPath(hops) => found.extend(hops.iter().map(|hop| hop.interface_index)),
            _ => {}
        }
    }
    found
}

/// Number and, where it can be had, name of a loaded program, for people.
pub(super) fn program_name(id: u32) -> String {
    let program = loaded_programs().filter_map(Result::ok).find(|program| program.id() == id);
    match program.as_ref().and_then(|program| program.name_as_str()).filter(|name| !name.is_empty()) {
        Some(name) => format!("{id} ({name})"),
        None => id.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Interface> {
        [("lo", 1), ("wan0", 2), ("wan1", 3), ("lan", 4)]
            .map(|(name, index)| Interface { name: name.to_owned(), index, xdp_program: None })
            .to_vec()
    }

    fn names(wanted: &[&str], default: &[u32]) -> Result<Vec<String>, String> {
        let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        choose(&wanted, &all(), default)
            .map(|chosen| chosen.into_iter().map(|interface| interface.name).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn names_globs_and_auto_choose_each_interface_once() {
        assert_eq!(names(&["lan"], &[]).unwrap(), ["lan"]);
        assert_eq!(names(&["wan*", "wan1", "lan"], &[]).unwrap(), ["wan0", "wan1", "lan"]);
        assert_eq!(names(&["auto"], &[3]).unwrap(), ["wan1"]);
    }

    #[test]
    fn what_fits_nothing_is_an_error_that_names_it() {
        assert!(names(&["lan", "eth9"], &[]).unwrap_err().contains("no interface named eth9"));
        assert!(names(&["x*"], &[]).unwrap_err().contains("x*"));
        assert!(names(&["[broken"], &[]).unwrap_err().contains("[broken"));
        assert!(names(&["auto"], &[]).unwrap_err().contains("name one with -i"));
    }
}

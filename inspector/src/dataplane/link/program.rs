//! XDP programs that somebody has attached to an interface.

use aya::programs::links::LinkType;
use aya::programs::{loaded_links, loaded_programs};
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage, LinkXdp};

/// Where a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the driver.
    Native,
    /// In the network stack.
    Generic,
    /// On the card.
    Offloaded,
}

/// An attached XDP program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XdpProgram {
    /// Its number.
    pub id: u32,
    /// Where.
    pub place: Place,
    /// Its name; `None` if it has none or asking takes a privilege that we lack.
    pub name: Option<String>,
    /// Numbers of the links that hold it; empty if it was attached without one. `None`: as for the name.
    pub links: Option<Vec<u32>>,
}

/// The programs of an interface, by number and place.
pub(super) fn attached(link: &LinkMessage) -> Vec<(u32, Place)> {
    let xdp = link.attributes.iter().filter_map(|attribute| match attribute {
        LinkAttribute::Xdp(parts) => Some(parts),
        _ => None,
    });
    let by_place = |part: &LinkXdp| match part {
        LinkXdp::DrvProgId(id) => Some((*id, Place::Native)),
        LinkXdp::SkbProgId(id) => Some((*id, Place::Generic)),
        LinkXdp::HwProgId(id) => Some((*id, Place::Offloaded)),
        _ => None,
    };
    xdp.flatten().filter_map(by_place).filter(|(id, _)| *id != 0).collect()
}

/// Name and links of a program, as far as we may know.
pub(super) fn describe(id: u32, place: Place) -> XdpProgram {
    let name = loaded_programs()
        .filter_map(Result::ok)
        .find(|program| program.id() == id)
        .and_then(|program| program.name_as_str().map(str::to_owned))
        .filter(|name| !name.is_empty());
    XdpProgram { id, place, name, links: links(id) }
}

fn links(program: u32) -> Option<Vec<u32>> {
    let mut found = Vec::new();
    for link in loaded_links() {
        let link = link.ok()?;
        if link.program_id() == program && matches!(link.link_type(), Ok(LinkType::Xdp)) {
            found.push(link.id());
        }
    }
    Some(found)
}

//! Client, router and server, each in a namespace of its own.

use super::Namespace;

/// One end of a network.
#[derive(Debug)]
pub struct Side {
    /// Where it lives; its interface is `eth0`.
    pub namespace: Namespace,
    /// Its IPv4 address.
    pub address: &'static str,
    /// Its IPv6 address.
    pub address6: &'static str,
}

impl Side {
    fn new(role: &str, address: &'static str, address6: &'static str) -> Self {
        Self { namespace: Namespace::new(role), address, address6 }
    }

    /// Runs a program here to its end, in which it must succeed; gives its standard output.
    pub fn run(&self, words: &[&str]) -> String {
        self.namespace.run(words)
    }
}

/// A client and a server, with or without a router between them.
#[derive(Debug)]
pub struct Network {
    /// Where connections come from.
    pub client: Side,
    /// Its interfaces are `lan`, towards the client, and `wan`.
    pub router: Option<Namespace>,
    /// Where connections go.
    pub server: Side,
}

impl Network {
    /// Client and server on one cable.
    pub fn direct() -> Self {
        let client = Side::new("client", "10.77.0.1", "fd77::1");
        let server = Side::new("server", "10.77.0.2", "fd77::2");
        cable(&client.namespace, "eth0", &server.namespace, "eth0");
        for side in [&client, &server] {
            address(&side.namespace, "eth0", side.address, side.address6);
        }
        Self { client, router: None, server }
    }

    /// Client and server on two sides of a router.
    pub fn routed() -> Self {
        let router = Namespace::new("router");
        for key in ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"] {
            router.run(&["sh", "-c", r#"echo 1 > "/proc/sys/$(echo "$0" | tr . /)""#, key]);
        }
        let client = Side::new("client", "10.77.1.2", "fd77:1::2");
        let server = Side::new("server", "10.77.2.2", "fd77:2::2");
        connect(&client, &router, "lan", "10.77.1.1", "fd77:1::1");
        connect(&server, &router, "wan", "10.77.2.1", "fd77:2::1");
        Self { client, router: Some(router), server }
    }

    /// A second server, behind an interface `wan2` of the router.
    pub fn second_server(&self) -> Side {
        let server = Side::new("server2", "10.77.3.2", "fd77:3::2");
        connect(&server, self.router(), "wan2", "10.77.3.1", "fd77:3::1");
        server
    }

    /// A new cable between client and router after the old one is gone, with the same addresses. The router's end has
    /// this name, and this index if one is given.
    pub fn reconnect_client(&self, interface: &str, index: Option<u32>) {
        let index = index.map(|index| format!("index {index}")).unwrap_or_default();
        self.router().ip(&format!(
            "link add {interface} {index} type veth peer name eth0 netns {}",
            self.client.namespace.name()
        ));
        self.router().ip(&format!("link set {interface} up"));
        self.client.namespace.ip("link set eth0 up");
        configure(&self.client, self.router(), interface, "10.77.1.1", "fd77:1::1");
    }

    /// The router; panics where there is none.
    pub fn router(&self) -> &Namespace {
        self.router.as_ref().expect("this network has a router")
    }
}

fn cable(left: &Namespace, left_name: &str, right: &Namespace, right_name: &str) {
    left.ip(&format!("link add {left_name} type veth peer name {right_name} netns {}", right.name()));
    left.ip(&format!("link set {left_name} up"));
    right.ip(&format!("link set {right_name} up"));
}

/// Connects a side to an interface of the router, which is its way to everywhere else.
fn connect(side: &Side, router: &Namespace, interface: &str, gateway: &str, gateway6: &str) {
    cable(&side.namespace, "eth0", router, interface);
    configure(side, router, interface, gateway, gateway6);
}

/// Gives both ends of a cable their addresses, and the side its routes.
fn configure(side: &Side, router: &Namespace, interface: &str, gateway: &str, gateway6: &str) {
    address(router, interface, gateway, gateway6);
    address(&side.namespace, "eth0", side.address, side.address6);
    side.namespace.ip(&format!("route add default via {gateway}"));
    side.namespace.ip(&format!("-6 route add default via {gateway6}"));
}

fn address(namespace: &Namespace, interface: &str, v4: &str, v6: &str) {
    namespace.ip(&format!("addr add {v4}/24 dev {interface}"));
    namespace.ip(&format!("addr add {v6}/64 dev {interface} nodad"));
}

//! Which addresses are denied to whom, in which forms.

use proptest::prelude::*;

use super::*;
use crate::authority::Scheme;
use crate::evidence::Role;

/// A node 10.0.0.5 in a cluster whose API server is 10.96.0.1, whose operator denies 10.9.0.0/16.
fn denied() -> DeniedAddresses {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    DeniedAddresses::new(
        ["10.9.0.0/16", "2001:db8:9::/48", "127.0.0.9/32"].map(|range| range.parse().unwrap()),
        [ip("10.96.0.1"), ip("127.0.0.1")],
        [ip("10.0.0.5"), ip("2001:db8::5"), ip("127.0.0.1"), ip("::1")],
    )
}

#[track_caller]
fn check(addresses: &[&str], named_by: NamedBy, want: Option<Reason>) {
    for address in addresses {
        assert_eq!(denied().denies(address.parse().unwrap(), named_by), want, "{address} {named_by:?}");
    }
}

#[test]
fn a_tenant_names_no_address_of_the_node_its_cloud_or_its_cluster() {
    let check = |addresses: &[&str], want| check(addresses, NamedBy::Tenant, Some(want));
    check(&["169.254.169.254", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "100.100.100.200"], Reason::Metadata);
    check(&["169.254.0.1", "169.254.170.2", "fe80::1", "febf::1"], Reason::LinkLocal);
    check(&["127.0.0.1", "127.255.0.1", "::1"], Reason::Loopback);
    check(&["0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "255.255.255.255", "ff02::1"], Reason::NoHost);
    check(&["10.0.0.5", "2001:db8::5"], Reason::OwnAddress);
    check(&["10.96.0.1"], Reason::ApiServer);
    check(&["10.9.255.1"], Reason::Given("10.9.0.0/16".parse().unwrap()));
    check(&["2001:db8:9::1"], Reason::Given("2001:db8:9::/48".parse().unwrap()));
}

#[test]
fn an_ipv4_address_counts_in_every_ipv6_form() {
    let check = |addresses: &[&str], want| check(addresses, NamedBy::Tenant, Some(want));
    let metadata = ["::ffff:169.254.169.254", "::169.254.169.254", "::ffff:0:169.254.169.254"];
    check(&metadata, Reason::Metadata);
    check(&["64:ff9b::169.254.169.254", "64:ff9b:1::169.254.169.254", "2002:a9fe:a9fe::1"], Reason::Metadata);
    check(&["::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::"], Reason::Loopback);
    check(&["::ffff:0.0.0.0"], Reason::NoHost);
    check(&["::ffff:10.0.0.5", "64:ff9b::10.0.0.5"], Reason::OwnAddress);
    check(&["::ffff:10.96.0.1"], Reason::ApiServer);
    check(&["::ffff:10.9.0.1"], Reason::Given("10.9.0.0/16".parse().unwrap()));
}

#[test]
fn every_other_address_is_contacted() {
    let others = ["10.0.0.6", "192.168.1.1", "198.51.100.7", "2001:db8::6", "fd00::1", "fc00::254", "fd00:ec3::254"];
    check(&others, NamedBy::Tenant, None);
    check(&["64:ff9b::198.51.100.7", "64:ff9b:1::10.0.0.6", "2002:c633:6407::1"], NamedBy::Tenant, None);
    check(&["169.253.255.255", "169.255.0.0", "fec0::1", "128.0.0.1", "1.0.0.0"], NamedBy::Tenant, None);
}

#[test]
fn an_image_that_says_localhost_reaches_loopback_and_no_more() {
    check(&["127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"], NamedBy::LocalImage, None);
    check(&["127.0.0.9"], NamedBy::LocalImage, Some(Reason::Given("127.0.0.9/32".parse().unwrap())));
    check(&["169.254.169.254"], NamedBy::LocalImage, Some(Reason::Metadata));
    check(&["64:ff9b::127.0.0.1"], NamedBy::LocalImage, Some(Reason::Loopback));
    check(&["0.0.0.0"], NamedBy::LocalImage, Some(Reason::NoHost));
    check(&["10.0.0.5"], NamedBy::LocalImage, Some(Reason::OwnAddress));
    check(&["10.96.0.1"], NamedBy::LocalImage, Some(Reason::ApiServer));
}

#[test]
fn the_nodes_own_mirrors_are_contacted_wherever_they_are() {
    check(&["127.0.0.1", "127.0.0.9", "10.0.0.5", "169.254.20.10", "10.9.0.1", "::1"], NamedBy::Node, None);
}

#[test]
fn who_named_a_host_is_told_by_the_image_and_the_endpoint() {
    let check = |image: &str, role: Role, authority: &str, want: [NamedBy; 2]| {
        let reference = Reference::parse(image).unwrap();
        let endpoint = Endpoint::plain(role, Scheme::Https, authority.to_owned());
        let got = [true, false].map(|is_endpoint| NamedBy::of(&reference, &endpoint, is_endpoint));
        assert_eq!(got, want, "{image} {role:?} {authority}");
    };
    let (tenant, local, node) = (NamedBy::Tenant, NamedBy::LocalImage, NamedBy::Node);
    check("r.test/a:1", Role::Registry, "r.test", [tenant, tenant]);
    check("R.test/a:1", Role::Registry, "r.test", [tenant, tenant]);
    check("busybox", Role::Registry, "registry-1.docker.io", [tenant, tenant]);
    check("r.test/a:1", Role::Mirror, "127.0.0.1:5000", [node, tenant]);
    // The place of the registry itself is configured, too.
    check("r.test/a:1", Role::Registry, "127.0.0.1:5000", [node, tenant]);
    check("10.0.0.5:5000/a:1", Role::Registry, "10.0.0.5:5000", [tenant, tenant]);
    for image in ["localhost/a:1", "localhost:5000/a:1", "127.0.0.1:5000/a:1", "[::1]:5000/a:1"] {
        let authority = Reference::parse(image).unwrap().registry;
        check(image, Role::Registry, &authority, [local, local]);
        check(image, Role::Mirror, "mirror.test", [node, local]);
    }
    check("localhost.evil.test/a:1", Role::Registry, "localhost.evil.test", [tenant, tenant]);
}

proptest! {
    #[test]
    fn no_form_of_an_ipv4_address_is_judged_milder_than_itself(bits: u32, prefix in 0..5usize) {
        let ip = Ipv4Addr::from_bits(bits);
        let [high, low] = [(bits >> 16) as u16, (bits & 0xffff) as u16];
        let form = [
            Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
            Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 1, 2, 3, 4, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        ][prefix];
        let denied = DeniedAddresses::new(["0.0.0.0/1".parse().unwrap()], [], []);
        let alone = denied.denies(ip.into(), NamedBy::Tenant);
        // What begins with a zero is no address to translate.
        prop_assume!(ip.octets()[0] != 0 || prefix == 0);
        prop_assert_eq!(denied.denies(form.into(), NamedBy::Tenant), alone);
    }

    #[test]
    fn every_address_is_judged_and_a_mirror_never_denied(bits: u128) {
        let ip = IpAddr::V6(Ipv6Addr::from_bits(bits));
        prop_assert_eq!(denied().denies(ip, NamedBy::Node), None);
        // An image that says localhost is denied no more than another one.
        if denied().denies(ip, NamedBy::Tenant).is_none() {
            prop_assert_eq!(denied().denies(ip, NamedBy::LocalImage), None);
        }
    }
}

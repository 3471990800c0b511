//! Go's verdicts on real chains.

use rcgen::{ExtendedKeyUsagePurpose, GeneralSubtree, NameConstraints};

use super::*;

#[test]
fn a_chain_to_a_trusted_root_is_accepted() {
    let root = root(authority_params("Root"));
    World::issued(&params("leaf", &[HOST]), &root).check(HOST, &[]);
    World::issued(&params("leaf", &[HOST]), &root).check("Registry.Corp.test.", &[]);
    World::issued(&params("leaf", &["*.corp.test"]), &root).check(HOST, &[]);
    World::issued(&params("leaf", &["10.0.0.1"]), &root).check("10.0.0.1", &[]);
    World::issued(&params("leaf", &["::1"]), &root).check("[::1]", &[]);
    let middle = intermediate(authority_params("Middle"), &root);
    let lower = intermediate(authority_params("Lower"), &middle);
    let world = World::issued(&params("leaf", &[HOST]), &lower).trusting(&[&root]);
    world.sending(&[&root, &middle, &lower]).check(HOST, &[]);
}

#[test]
fn a_name_that_does_not_fit_is_refused() {
    let root = root(authority_params("Root"));
    World::issued(&params("leaf", &["other.test", "10.0.0.1"]), &root).check(HOST, &["for other.test 10.0.0.1"]);
    World::issued(&params("leaf", &["*.test"]), &root).check(HOST, &["for *.test"]);
    World::issued(&params("leaf", &[HOST]), &root).check("10.0.0.1", &["for registry.corp.test"]);
    World::issued(&params(HOST, &[]), &root).check(HOST, &["for "]);
}

#[test]
fn validity_is_judged_by_the_clock_given() {
    let root = root(authority_params("Root"));
    let mut old = params("leaf", &[HOST]);
    old.not_after = date_time_ymd(2024, 5, 1);
    World::issued(&old, &root).check(HOST, &["expired CN=leaf"]);
    let mut new = params("leaf", &[HOST]);
    new.not_before = date_time_ymd(2024, 7, 1);
    World::issued(&new, &root).check(HOST, &["not yet valid CN=leaf"]);
}

#[test]
fn expired_certificate_wins_over_name_and_unknown_authority() {
    let root = root(authority_params("Root"));
    let mut old = params("leaf", &["other.test"]);
    old.not_after = date_time_ymd(2024, 5, 1);
    let faults = ["expired CN=leaf", "for other.test", "LeafOnly CN=Root"];
    World::issued(&old, &root).trusting(&[]).check(HOST, &faults);
}

#[test]
fn an_unknown_authority_is_described_by_the_chain() {
    let root = root(authority_params("Root"));
    let namesake = self::root(authority_params("Root"));
    let middle = intermediate(authority_params("Middle"), &root);
    let leaf = params("leaf", &[HOST]);
    World::issued(&leaf, &root).trusting(&[]).check(HOST, &["LeafOnly CN=Root"]);
    World::issued(&leaf, &root).trusting(&[&namesake]).check(HOST, &["PrivateAuthority CN=Root"]);
    World::issued(&leaf, &middle).trusting(&[&root]).check(HOST, &["LeafOnly CN=Middle"]);
    let private = World::issued(&leaf, &middle).trusting(&[]);
    private.sending(&[&middle, &root]).check(HOST, &["PrivateAuthority CN=Root"]);
    World::self_signed(&leaf).check(HOST, &["SelfSigned CN=leaf"]);
}

#[test]
fn a_leaf_that_is_itself_trusted_is_accepted() {
    World::self_signed(&params("leaf", &[HOST])).trusting_the_leaf().check(HOST, &[]);
    let root = root(authority_params("Root"));
    World::issued(&params("leaf", &[HOST]), &root).trusting_the_leaf().check(HOST, &[]);
    let mut authority = authority_params("leaf");
    authority.subject_alt_names = params("", &[HOST]).subject_alt_names;
    World::self_signed(&authority).trusting_the_leaf().check(HOST, &[]);
    World::self_signed(&authority).check(HOST, &["SelfSigned CN=leaf"]);
}

#[test]
fn an_authority_certificate_that_a_root_signed_may_serve() {
    let mut leaf = authority_params("leaf");
    leaf.subject_alt_names = params("", &[HOST]).subject_alt_names;
    let root = root(authority_params("Root"));
    let namesake = self::root(authority_params("Root"));
    World::issued(&leaf, &root).check(HOST, &[]);
    World::issued(&leaf, &root).trusting(&[&namesake]).check(HOST, &["PrivateAuthority CN=Root"]);
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let usage = "the extended key usage does not include server authentication";
    World::issued(&leaf, &root).check(HOST, &[usage]);
}

#[test]
fn expired_issuers_are_refused_by_their_name() {
    let mut old = authority_params("Old");
    old.not_after = date_time_ymd(2024, 5, 1);
    let expired = root(old.clone());
    World::issued(&params("leaf", &[HOST]), &expired).check(HOST, &["expired CN=Old"]);
    let root = root(authority_params("Root"));
    let middle = intermediate(old, &root);
    let world = World::issued(&params("leaf", &[HOST]), &middle).sending(&[&middle]).trusting(&[&root]);
    world.check(HOST, &["expired CN=Old"]);
}

#[test]
fn a_renewed_root_serves_where_its_expired_self_does_not() {
    let mut old = authority_params("Root");
    let renewed = root(old.clone());
    old.not_after = date_time_ymd(2024, 5, 1);
    let expired = old.self_signed(renewed.key()).unwrap();
    let mut world = World::issued(&params("leaf", &[HOST]), &renewed);
    world.trusted.insert(0, expired.der().to_vec());
    world.check(HOST, &[]);
    world.trusted.truncate(1);
    world.check(HOST, &["expired CN=Root"]);
}

#[test]
fn certificates_that_may_not_issue_do_not() {
    let plain = root(params("Plain", &[]));
    World::issued(&params("leaf", &[HOST]), &plain).check(HOST, &["PrivateAuthority CN=Plain"]);
    let mut without_signing = authority_params("Idle");
    without_signing.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let idle = root(without_signing.clone());
    World::issued(&params("leaf", &[HOST]), &idle).check(HOST, &["PrivateAuthority CN=Idle"]);
    let root = root(authority_params("Root"));
    let middle = intermediate(without_signing, &root);
    let world = World::issued(&params("leaf", &[HOST]), &middle).sending(&[&middle]).trusting(&[&root]);
    world.check(HOST, &["PrivateAuthority CN=Root"]);
}

#[test]
fn usage_and_name_constraints_are_honoured() {
    let root = root(authority_params("Root"));
    let mut client = params("leaf", &[HOST]);
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let usage = "the extended key usage does not include server authentication";
    World::issued(&client, &root).check(HOST, &[usage]);
    World::issued(&client, &root).trusting_the_leaf().check(HOST, &[usage]);
    let mut any = params("leaf", &[HOST]);
    any.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
    World::issued(&any, &root).check(HOST, &[]);
    let mut limited = authority_params("Limited");
    let permitted_subtrees = vec![GeneralSubtree::DnsName("example.test".to_owned())];
    limited.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    let limited = self::root(limited);
    let name = "an authority in the chain may not issue for this name";
    World::issued(&params("leaf", &[HOST]), &limited).check(HOST, &[name]);
}

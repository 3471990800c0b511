//! YAML documents become objects: the API server itself says under which path each kind is.

use std::io;

use http::Method;
use serde_json::Value;

use super::user::User;

pub(super) async fn documents(user: &User, yaml: &str) -> io::Result<Vec<Value>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).map_err(io::Error::other)?;
    let mut stored = Vec::new();
    for object in documents {
        let path = path(user, &object).await?;
        let path = format!("{path}?fieldManager=kubectl&force=true");
        // Every JSON is YAML.
        let answer = user.send(Method::PATCH, &path, "application/apply-patch+yaml", Some(&object)).await?;
        stored.push(answer.success()?);
    }
    Ok(stored)
}

/// The path of an object, by what the API server says of its kind.
async fn path(user: &User, object: &Value) -> io::Result<String> {
    let word = |value: &Value, what: &str| {
        let said = value.as_str().map(str::to_owned);
        said.ok_or_else(|| io::Error::other(format!("an object without {what}: {object}")))
    };
    let (version, kind) = (word(&object["apiVersion"], "apiVersion")?, word(&object["kind"], "kind")?);
    let name = word(&object["metadata"]["name"], "a name")?;
    let group = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
    let known = user.get(&group).await?.success()?;
    let mut resources = known["resources"].as_array().into_iter().flatten();
    let resource = resources
        .find(|one| one["kind"] == kind.as_str() && one["name"].as_str().is_some_and(|name| !name.contains('/')))
        .ok_or_else(|| io::Error::other(format!("{version} has no kind {kind}")))?;
    let plural = word(&resource["name"], "a plural")?;
    if resource["namespaced"] == false {
        return Ok(format!("{group}/{plural}/{name}"));
    }
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
    Ok(format!("{group}/namespaces/{namespace}/{plural}/{name}"))
}

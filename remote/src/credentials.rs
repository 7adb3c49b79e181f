//! Credentials for S3 from the standard files, where the environment has none.
//!
//! The client itself reads the environment, and asks a container or a virtual machine for those of its role. It does not read
//! `~/.aws/credentials` and `~/.aws/config`.

use object_store::aws::AmazonS3Builder;
use remote_protocol::{Failure, FailureKind};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Where a virtual machine tells the credentials of its role.
const METADATA: &str = "169.254.169.254:80";

/// Variables that say where credentials are to be had, or that none are needed.
const SOURCES: [&str; 5] = [
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_METADATA_ENDPOINT",
    "AWS_SKIP_SIGNATURE",
];

/// Adds what the standard files have.
///
/// # Errors
/// When there are no credentials anywhere, or only a part of them.
pub(crate) async fn of_aws(builder: AmazonS3Builder) -> Result<AmazonS3Builder, Failure> {
    let profile = std::env::var("AWS_PROFILE").unwrap_or_else(|_| "default".to_owned());
    let settings = standard_files(&profile);
    let region_is_set = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().any(|name| is_set(name));
    let builder = match settings.get("region") {
        Some(region) if !region_is_set => builder.with_region(region),
        _ => builder,
    };
    match (is_set("AWS_ACCESS_KEY_ID"), is_set("AWS_SECRET_ACCESS_KEY")) {
        (true, true) => return Ok(builder),
        (true, false) => return Err(lacks("AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not")),
        (false, true) => return Err(lacks("AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not")),
        (false, false) => {}
    }
    match (settings.get("aws_access_key_id"), settings.get("aws_secret_access_key")) {
        (Some(id), Some(secret)) => {
            let builder = builder.with_access_key_id(id).with_secret_access_key(secret);
            return Ok(match settings.get("aws_session_token") {
                Some(token) => builder.with_token(token),
                None => builder,
            });
        }
        (Some(_), None) => return Err(lacks(&format!("profile '{profile}' has no aws_secret_access_key"))),
        (None, Some(_)) => return Err(lacks(&format!("profile '{profile}' has no aws_access_key_id"))),
        (None, None) => {}
    }
    let is_machine =
        async || timeout(Duration::from_secs(1), TcpStream::connect(METADATA)).await.is_ok_and(|to| to.is_ok());
    if SOURCES.iter().any(|name| is_set(name)) || !is_set("AWS_EC2_METADATA_DISABLED") && is_machine().await {
        return Ok(builder);
    }
    Err(lacks(&format!(
        "there are no credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, ~/.aws/credentials has no \
         profile '{profile}', and this machine has no role"
    )))
}

fn lacks(message: &str) -> Failure {
    Failure::new(FailureKind::NoCredentials, message)
}

fn is_set(name: &str) -> bool {
    std::env::var(name).is_ok_and(|value| !value.is_empty())
}

/// What the two files say of a profile; what the file of credentials says goes first.
fn standard_files(profile: &str) -> BTreeMap<String, String> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let read = |variable: &str, name: &str| {
        let path = std::env::var_os(variable).map_or_else(|| home.join(".aws").join(name), PathBuf::from);
        std::fs::read_to_string(path).unwrap_or_default()
    };
    let mut settings = section(&read("AWS_CONFIG_FILE", "config"), profile);
    settings.extend(section(&read("AWS_SHARED_CREDENTIALS_FILE", "credentials"), profile));
    settings
}

/// The settings of one profile.
fn section(text: &str, profile: &str) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    let mut is_meant = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            is_meant = name.trim().trim_start_matches("profile ").trim() == profile;
        } else if let Some((key, value)) =
            trimmed.split_once('=').filter(|_| is_meant && !trimmed.starts_with(['#', ';']))
        {
            // Settings of settings are indented, and none that is needed here.
            if !line.starts_with([' ', '\t']) {
                settings.insert(key.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_has_its_own_settings_only() {
        let text =
            "[default]\naws_access_key_id = a\n# region = x\n[profile team]\nregion=eu\n  s3 =\n  region = inner\n";
        let of = |profile: &str| section(text, profile).into_iter().collect::<Vec<_>>();
        assert_eq!(of("default"), [("aws_access_key_id".to_owned(), "a".to_owned())]);
        assert_eq!(of("team"), [("region".to_owned(), "eu".to_owned())]);
        assert!(of("other").is_empty());
    }
}

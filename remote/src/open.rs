//! From a URL and the environment to a bucket.

use crate::bucket::Bucket;
use crate::credentials;
use crate::failure::failure;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use remote_protocol::{Failure, FailureKind};
use std::sync::Arc;
use std::time::Duration;

/// Opens `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`; `memory:` ends with this program.
pub(crate) async fn open(url: &str) -> Result<Bucket, Failure> {
    let Some((scheme, rest)) = url.split_once(':') else { return Err(no_storage(url)) };
    let rest = rest.trim_start_matches('/');
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = Path::parse(prefix).map_err(|error| Failure::new(FailureKind::Url, format!("{url}: {error}")))?;
    let built: Result<Arc<dyn ObjectStore>, object_store::Error> = match scheme {
        "memory" => Ok(Arc::new(InMemory::new())),
        _ if bucket.is_empty() => return Err(no_storage(url)),
        "s3" | "s3a" => {
            let builder = credentials::of_aws(AmazonS3Builder::from_env().with_bucket_name(bucket)).await?;
            let is_plain = ["AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"]
                .iter()
                .any(|name| std::env::var(name).is_ok_and(|value| value.starts_with("http://")));
            let client = client().with_allow_http(is_plain);
            builder.with_client_options(client).with_retry(retries()).build().map(|store| Arc::new(store) as _)
        }
        "gs" => {
            let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket);
            builder.with_client_options(client()).with_retry(retries()).build().map(|store| Arc::new(store) as _)
        }
        "az" | "azure" => {
            let builder = MicrosoftAzureBuilder::from_env().with_container_name(bucket);
            builder.with_client_options(client()).with_retry(retries()).build().map(|store| Arc::new(store) as _)
        }
        _ => return Err(no_storage(url)),
    };
    // What cannot be built lacks something in the environment.
    let store = built.map_err(|error| Failure::new(FailureKind::NoCredentials, failure(&error).message))?;
    Ok(Bucket::new(store, prefix))
}

/// A server that is there answers within these times, and a slow one may take as long as bytes arrive.
fn client() -> ClientOptions {
    ClientOptions::new()
        .with_connect_timeout(Duration::from_secs(5))
        .with_timeout_disabled()
        .with_read_timeout(Duration::from_secs(20))
}

fn retries() -> RetryConfig {
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(3), base: 2.0 };
    RetryConfig { backoff, max_retries: 4, retry_timeout: Duration::from_secs(60) }
}

fn no_storage(url: &str) -> Failure {
    let message =
        format!("'{url}' is no storage: expected s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX");
    Failure::new(FailureKind::Url, message)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_storage_is_refused() {
        for url in ["bucket", "ftp://bucket/a", "s3://", "s3://bucket/a//b"] {
            assert_eq!(open(url).await.unwrap_err().kind, FailureKind::Url, "{url}");
        }
        open("memory:").await.unwrap();
    }
}

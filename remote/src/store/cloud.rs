//! A bucket: the three services, each by `object_store`, whose own retries are off: ours ask for a new signature
//! each time, and know when to stop.

use std::sync::Arc;

use hotbackup::{Code, Error, Result};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, AwsCredential};
use object_store::azure::{AzureConfigKey, AzureCredential, MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::gcp::{GcpCredential, GoogleCloudStorage, GoogleCloudStorageBuilder};
use object_store::list::PaginatedListStore;
use object_store::signer::Signer;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use super::answer::{scrub, told};
use super::credentials::{Provider, Renewable, Renewed};
use super::place::{Place, Service};
use super::profile::Profile;
use super::settings::{Settings, refused};
use super::wire::{Seen, Wire};

/// A bucket, seen as what `object_store` can do with it.
pub(super) struct Cloud {
    pub objects: Arc<dyn ObjectStore>,
    pub pages: Arc<dyn PaginatedListStore>,
    pub signer: Arc<dyn Signer>,
    pub credentials: Arc<dyn Renewable>,
    /// For requests that are signed apart from being sent.
    pub bare: Seen,
    pub is_s3: bool,
    pub is_azure: bool,
    /// `object_store` would ask the machine that it runs on, whose signature a bearer token has nothing to do with.
    pub can_sign: bool,
}

impl Cloud {
    pub fn open(place: &Place, wire: Wire) -> Result<Self> {
        let settings = Arc::clone(&wire.settings);
        let failed = |error: object_store::Error| {
            let why = scrub(&told(&error), &settings.secrets());
            Error::new(Code::InvalidArgument, format!("opening {}: {why}", place.url))
        };
        let allow_http = settings.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let bare = wire.client(allow_http).map_err(|error| {
            let why = scrub(&told(&error.without_url()), &settings.secrets());
            Error::new(Code::InvalidArgument, format!("opening {}: {why}", place.url))
        })?;
        let options = ClientOptions::new().with_allow_http(allow_http);
        match &place.service {
            Service::S3 { bucket } => {
                let (store, renewable) = s3(bucket, wire, options).map_err(failed)?;
                Ok(Self::of(Arc::new(store), renewable, bare, (true, false)))
            }
            Service::Gcs { bucket } => {
                settings.refuse("GCS", &["access_key", "secret_key", "region", "path_style", "profile"])?;
                let can_sign = settings.session_token.is_none() || account_file(&settings).is_some();
                let (store, renewable) = gcs(bucket, wire, options).map_err(failed)?;
                let cloud = Self::of(Arc::new(store), renewable, bare, (false, false));
                Ok(Self { can_sign, ..cloud })
            }
            Service::Azure { account, container } => {
                let unused = ["access_key", "region", "path_style", "profile", "credentials_file"];
                settings.refuse("Azure", &unused)?;
                let (store, renewable) = azure(account, container, wire, options).map_err(failed)?;
                Ok(Self::of(Arc::new(store), renewable, bare, (false, true)))
            }
            Service::File { .. } => Err(refused("a directory is no bucket".into())),
        }
    }

    fn of<T: ObjectStore + PaginatedListStore + Signer>(
        store: Arc<T>,
        credentials: Arc<dyn Renewable>,
        bare: Seen,
        (is_s3, is_azure): (bool, bool),
    ) -> Self {
        Self {
            objects: Arc::clone(&store) as _,
            pages: Arc::clone(&store) as _,
            signer: store,
            credentials,
            bare,
            is_s3,
            is_azure,
            can_sign: true,
        }
    }
}

/// One attempt, no more.
fn once() -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: 0, ..RetryConfig::default() }
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

type Opened<T> = object_store::Result<(T, Arc<dyn Renewable>)>;

fn s3(bucket: &str, wire: Wire, options: ClientOptions) -> Opened<AmazonS3> {
    let settings = Arc::clone(&wire.settings);
    let profile = Profile::find(&settings);
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_retry(once())
        .with_client_options(options)
        .with_disable_bulk_delete(true)
        .with_unsigned_payload(false)
        .with_http_connector(wire);
    let region = settings.region.clone().or_else(|| env("AWS_REGION")).or_else(|| env("AWS_DEFAULT_REGION"));
    builder = builder.with_region(region.or_else(|| profile.region()).unwrap_or_else(|| "us-east-1".into()));
    let path_style = settings.path_style.unwrap_or(settings.endpoint.is_some() || bucket.contains('.'));
    builder = builder.with_virtual_hosted_style_request(!path_style);
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(match (path_style, endpoint.split_once("://")) {
            (false, Some((scheme, host))) => format!("{scheme}://{bucket}.{host}"),
            _ => endpoint.clone(),
        });
    }
    let base = builder.clone();
    let credentials = Renewed::new(Box::new(move || s3_credentials(base.clone(), &settings, &profile)))?;
    Ok((builder.with_credentials(Arc::clone(&credentials) as _).build()?, credentials))
}

/// From options, the environment, a web identity, a profile, a container, the instance's metadata, in this order.
/// A profile or a file of them that is asked for comes before the environment.
fn s3_credentials(
    mut builder: AmazonS3Builder,
    settings: &Settings,
    profile: &Profile,
) -> object_store::Result<Provider<AwsCredential>> {
    let keys = match (&settings.access_key, &settings.secret_key) {
        (Some(key), Some(secret)) => Some((key.clone(), secret.clone(), settings.session_token.clone())),
        (None, None) if profile.is_chosen() => return Ok(profile.provider()),
        (None, None) => env("AWS_ACCESS_KEY_ID")
            .zip(env("AWS_SECRET_ACCESS_KEY"))
            .map(|(key, secret)| (key, secret, env("AWS_SESSION_TOKEN"))),
        _ => {
            let source = "access_key and secret_key are given together, or neither".into();
            return Err(object_store::Error::Generic { store: "S3", source });
        }
    };
    if let Some((key, secret, token)) = keys {
        builder = builder.with_access_key_id(key).with_secret_access_key(secret);
        if let Some(token) = token {
            builder = builder.with_token(token);
        }
        return Ok(Provider { is_fixed: true, inner: Arc::clone(builder.build()?.credentials()) });
    }
    let is_web = env("AWS_WEB_IDENTITY_TOKEN_FILE").is_some() && env("AWS_ROLE_ARN").is_some();
    if !is_web && profile.is_there() {
        return Ok(profile.provider());
    }
    for key in [
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_ENDPOINT_URL_STS",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_METADATA_ENDPOINT",
    ] {
        if let (Some(value), Ok(key)) = (env(key), key.to_ascii_lowercase().parse::<AmazonS3ConfigKey>()) {
            builder = builder.with_config(key, value);
        }
    }
    Ok(Provider { is_fixed: false, inner: Arc::clone(builder.build()?.credentials()) })
}

fn account_file(settings: &Settings) -> Option<String> {
    let file = settings.credentials_file.as_ref().map(|file| file.display().to_string());
    file.or_else(|| env("GOOGLE_APPLICATION_CREDENTIALS"))
}

/// `credentials_file` or GOOGLE_APPLICATION_CREDENTIALS, what gcloud leaves, or the machine's metadata;
/// `session_token` is a bearer token.
fn gcs(bucket: &str, wire: Wire, options: ClientOptions) -> Opened<GoogleCloudStorage> {
    let settings = Arc::clone(&wire.settings);
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(bucket)
        .with_retry(once())
        .with_client_options(options)
        .with_http_connector(wire);
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_base_url(endpoint);
    }
    if let Some(file) = account_file(&settings) {
        builder = builder.with_application_credentials(file);
    }
    let is_fixed = settings.session_token.is_some();
    if let Some(token) = &settings.session_token {
        builder = builder.with_bearer_token(token);
    }
    let base = builder.clone();
    let credentials: Arc<Renewed<GcpCredential>> = Renewed::new(Box::new(move || {
        Ok(Provider { is_fixed, inner: Arc::clone(base.clone().build()?.credentials()) })
    }))?;
    // Set from outside they would take the file's signing key away: so the first ones stay what is asked for
    // signatures, and the renewed ones for the rest.
    let signing = Arc::clone(builder.clone().build()?.signing_credentials());
    let store = builder.with_credentials(Arc::clone(&credentials) as _).with_signing_credentials(signing);
    Ok((store.build()?, credentials))
}

/// `secret_key` (the account's key) or `session_token` (a SAS), else AZURE_*: key, SAS, client secret, workload
/// identity; else the machine's managed identity.
fn azure(account: &str, container: &str, wire: Wire, options: ClientOptions) -> Opened<MicrosoftAzure> {
    let settings = Arc::clone(&wire.settings);
    let mut builder = MicrosoftAzureBuilder::new()
        .with_account(account)
        .with_container_name(container)
        .with_retry(once())
        .with_client_options(options)
        .with_http_connector(wire);
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint.clone());
    }
    let is_given = settings.secret_key.is_some() || settings.session_token.is_some();
    let key = settings.secret_key.clone().filter(|_| is_given);
    let key = key.or_else(|| {
        env("AZURE_STORAGE_ACCOUNT_KEY").or_else(|| env("AZURE_ACCOUNT_KEY")).filter(|_| !is_given)
    });
    let sas = settings.session_token.clone();
    let sas = sas.or_else(|| {
        env("AZURE_STORAGE_SAS_TOKEN").or_else(|| env("AZURE_ACCOUNT_SAS")).filter(|_| !is_given)
    });
    let is_fixed = key.is_some() || sas.is_some();
    if let Some(key) = key {
        builder = builder.with_access_key(key);
    } else if let Some(sas) = sas {
        builder = builder.with_config(AzureConfigKey::SasKey, sas);
    } else {
        for key in [
            "AZURE_CLIENT_ID",
            "AZURE_CLIENT_SECRET",
            "AZURE_TENANT_ID",
            "AZURE_FEDERATED_TOKEN_FILE",
            "AZURE_AUTHORITY_HOST",
            "AZURE_MSI_ENDPOINT",
        ] {
            if let (Some(value), Ok(key)) = (env(key), key.to_ascii_lowercase().parse::<AzureConfigKey>()) {
                builder = builder.with_config(key, value);
            }
        }
    }
    let base = builder.clone();
    let credentials: Arc<Renewed<AzureCredential>> = Renewed::new(Box::new(move || {
        Ok(Provider { is_fixed, inner: Arc::clone(base.clone().build()?.credentials()) })
    }))?;
    Ok((builder.with_credentials(Arc::clone(&credentials) as _).build()?, credentials))
}

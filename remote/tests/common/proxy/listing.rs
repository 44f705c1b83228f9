//! Listings of stores, in which entries are left out: `<Contents><Key>` of S3 and GCS, `<Blob><Name>` of Azure.

use super::rule::decoded;

/// The listing without the entries whose key `is_missing`.
pub fn without(listing: &str, is_missing: impl Fn(&str) -> bool) -> String {
    let listing = without_entries(listing, "Contents", "Key", &is_missing);
    without_entries(&listing, "Blob", "Name", &is_missing)
}

/// The listing with no entry, and no page after it.
pub fn empty(listing: &str) -> String {
    let mut listing = without(listing, |_| true);
    for tag in ["NextContinuationToken", "NextMarker", "CommonPrefixes"] {
        while let Some((before, _, after)) = element(&listing, tag) {
            listing = format!("{before}{after}");
        }
    }
    listing.replace("<IsTruncated>true<", "<IsTruncated>false<")
}

fn without_entries(listing: &str, entry: &str, name: &str, is_missing: impl Fn(&str) -> bool) -> String {
    let (mut kept, mut rest) = (String::new(), listing);
    while let Some((before, whole, after)) = element(rest, entry) {
        let key = element(whole, name).map(|(_, key, _)| plain(key, name)).unwrap_or_default();
        kept.push_str(before);
        if !is_missing(&key) {
            kept.push_str(whole);
        }
        rest = after;
    }
    kept + rest
}

/// The first element with this tag, with what is before and after it.
fn element<'a>(text: &'a str, tag: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let close = format!("</{tag}>");
    let start = text.find(&format!("<{tag}>"))?;
    let end = start + text[start..].find(&close)? + close.len();
    Some((&text[..start], &text[start..end], &text[end..]))
}

fn plain(element: &str, tag: &str) -> String {
    let inner =
        element.strip_prefix(&format!("<{tag}>")).and_then(|rest| rest.strip_suffix(&format!("</{tag}>")));
    decoded(inner.unwrap_or_default())
}

//! The end of a backup: its manifest, its verification, its name.

use std::io::Read;
use std::path::Path;

use super::contents::{Contents, Staged};
use super::context::Context;
use super::plan::identity;
use super::previous::Previous;
use crate::error::{Code, Error, Result};
use crate::io::checksum::Summed;
use crate::snapshot::{Attributes, Checkpoint, Files, Imprint, Manifest, Origin};
use crate::staging::Proof;
use crate::sys::clock::wall_ns;
use crate::sys::dir::{Dir, Kind, Stat};
use crate::sys::file::evict;

/// Proves what is staged, and its manifest. The directories are closed last.
pub fn verify(context: &Context<'_>, contents: Contents) -> Result<()> {
    let staging = &context.staging;
    staging.make_dirs(&contents.directories)?;
    let (manifest, imprints) = manifest(context, contents)?;
    let written = write_manifest(context, &manifest)?;
    let proof = Proof {
        manifest: &manifest,
        layout: context.plan().layout,
        rules: &context.plan().rules,
        level: context.settings().verify,
        threads: context.threads(),
        job: context.job,
    };
    proof.of_staged(staging, &imprints)?;
    check_manifest(context, &manifest, written)?;
    staging.seal(&manifest.directories)
}

/// Gives the snapshot its name. From here on a cancel is too late.
pub fn publish(context: &Context<'_>) -> Result<()> {
    let (prepared, staging) = (context.prepared, &context.staging);
    let top = context.top_stat()?;
    // The manifest has the data directory's own time. This is the time of the snapshot, by which
    // tools find old ones.
    let attributes = Attributes { mtime_ns: wall_ns(), ..Attributes::of(&top) };
    attributes
        .apply_to_dir(&staging.dir)
        .map_err(|error| Error::io("setting the attributes of", staging.dir.path(), error))?;
    staging.sync_top()?;
    require_root_in_its_place(context)?;
    context.monitor().commit()?;
    if prepared.linking.is_some() {
        return prepared.root.publish_checkpoint(staging.dir.path(), &prepared.name);
    }
    prepared.root.publish(staging.dir.path(), &prepared.name)?;
    prepared.root.seal(&context.sources[0].dir);
    Ok(())
}

/// Nobody would find a snapshot in a root that was moved or unmounted meanwhile.
fn require_root_in_its_place(context: &Context<'_>) -> Result<()> {
    let path = context.prepared.root.dir.path();
    let what =
        if context.prepared.linking.is_some() { "the directory of checkpoints" } else { "the backup root" };
    let there = Dir::open(path).map_err(|error| Error::io(&format!("opening {what}"), path, error))?;
    if identity(&there)? == identity(&context.prepared.root.dir)? {
        return Ok(());
    }
    let why = "another directory has taken its place since the backup began";
    Err(Error::at(Code::Conflict, &format!("publishing in {what}"), path, why))
}

fn manifest(context: &Context<'_>, contents: Contents) -> Result<(Manifest, Vec<Imprint>)> {
    let (plan, prepared) = (context.plan(), context.prepared);
    let rules = plan.rules.iter().map(|rule| (rule.glob().to_string(), rule.class()));
    let Staged { mut files, imprints } = contents.staged;
    let counts = context.monitor().counts();
    let (metadata, tags) = context.host().take_notes();
    let checkpoint = prepared.linking.as_ref().map(|linking| Checkpoint { until_close: linking.until_close });
    let origins = origins_of(context.previous.as_ref(), &mut files);
    let manifest = Manifest {
        checkpoint,
        id: Some(prepared.id),
        data_dir_id: prepared.data_dir.id,
        started_at_ms: prepared.clock.started_at_ms(),
        finished_at_ms: prepared.clock.now_ms(),
        layout: plan.layout.name().to_string(),
        rules: rules.collect(),
        metadata: metadata.unwrap_or_else(|| plan.metadata.clone()),
        files_skipped: counts.files_skipped,
        files_left_out: counts.files_left_out,
        tags: merged(&plan.tags, tags),
        freeze_ns: counts.freeze_ns,
        verify: Some(context.settings().verify),
        origins,
        top: Some(Attributes::of(&context.top_stat()?)),
        directories: contents.directories,
        links: contents.links,
        files,
    };
    Ok((manifest, imprints))
}

/// Tags of the options and of the hooks, each once.
fn merged(of_options: &[String], of_hooks: Vec<String>) -> Vec<String> {
    let mut tags = of_options.to_vec();
    for tag in of_hooks {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

/// The earlier snapshots whose files are shared, and no others: of those that were deleted long ago nothing is left
/// in the end.
fn origins_of(previous: Option<&Previous>, files: &mut Files) -> Vec<Origin> {
    let all = previous.map_or(&[][..], |previous| &previous.origins);
    let mut numbers = vec![None; all.len()];
    let mut origins = Vec::new();
    files.renumber_origins(|origin| {
        let at = origin as usize;
        *numbers[at].get_or_insert_with(|| {
            origins.push(all[at]);
            origins.len() as u32 - 1
        })
    });
    origins
}

/// Returns the checksum and the length of what was written.
fn write_manifest(context: &Context<'_>, manifest: &Manifest) -> Result<(u32, u64)> {
    let (staging, path) = (&context.staging, Path::new(manifest.name()));
    let failed = |error| Error::io("writing the manifest", &staging.dir.full(path), error);
    let staged = staging.receive(path, 0o600)?;
    let mut out = Summed::new(staged.file());
    manifest.write(&mut out).map_err(failed)?;
    let (_, written) = out.end();
    staged.finish(&context.attributes_of_new_file()?)?;
    Ok(written)
}

/// The manifest is what makes the rest a snapshot, so it is read back at every level, from the
/// disk.
fn check_manifest(context: &Context<'_>, manifest: &Manifest, written: (u32, u64)) -> Result<()> {
    let dir = &context.staging.dir;
    let name = Path::new(manifest.name());
    let path = dir.full(name);
    let failed = |error| Error::io("verifying", &path, error);
    let corrupt = || Error::at(Code::Corrupt, "verifying", &path, "it is not what was written to it");
    let file = dir.open_file(name).map_err(|_| corrupt())?;
    let stat = Stat::of(&file).map_err(failed)?;
    // Where a sandbox refuses that, from the cache.
    let _ = evict(&file);
    let mut found = Summed::new(std::io::sink());
    std::io::copy(&mut file.take(stat.size), &mut found).map_err(failed)?;
    let (_, read) = found.end();
    if stat.kind == Kind::File && stat.size == written.1 && read == written { Ok(()) } else { Err(corrupt()) }
}

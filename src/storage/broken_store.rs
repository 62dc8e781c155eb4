//! An object store for tests whose calls fail in a chosen way.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fmt, io};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    NoSpace,
    NoQuota,
    Disk,
    /// Never answers.
    Silence,
}

/// Where a multipart upload meets the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Begin,
    /// The part with this number, counted from 0.
    Part(usize),
    Finish,
}

#[derive(Debug)]
pub struct Broken {
    fault: Fault,
    stage: Stage,
    pub aborted: Arc<AtomicUsize>,
}

impl Broken {
    /// Fails at every call.
    pub fn new(fault: Fault) -> Self {
        Self::at(Stage::Begin, fault)
    }

    /// Takes a multipart upload up to a stage; everything else fails.
    pub fn at(stage: Stage, fault: Fault) -> Self {
        Self { fault, stage, aborted: Arc::default() }
    }
}

async fn fail<T>(fault: Fault) -> Result<T> {
    let source = match fault {
        Fault::NoSpace => io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error()),
        Fault::NoQuota => io::Error::from_raw_os_error(rustix::io::Errno::DQUOT.raw_os_error()),
        Fault::Disk => io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error()),
        Fault::Silence => std::future::pending().await,
    };
    // The local store wraps the cause once more, so the test does too.
    Err(object_store::Error::Generic { store: "Broken", source: Box::new(Wrapped(source)) })
}

#[derive(Debug, thiserror::Error)]
#[error("wrapped: {0}")]
struct Wrapped(#[source] io::Error);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Broken")
    }
}

// The traits are declared with `async_trait`; these are the signatures it makes of them.
type Answer<'a, T> = std::pin::Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

impl ObjectStore for Broken {
    fn put_opts<'a, 'b, 'c>(&'a self, _: &'b Path, _: PutPayload, _: PutOptions) -> Answer<'c, PutResult>
    where
        'a: 'c,
        'b: 'c,
    {
        Box::pin(fail(self.fault))
    }

    fn put_multipart_opts<'a, 'b, 'c>(
        &'a self,
        _: &'b Path,
        _: PutMultipartOptions,
    ) -> Answer<'c, Box<dyn MultipartUpload>>
    where
        'a: 'c,
        'b: 'c,
    {
        if self.stage == Stage::Begin {
            return Box::pin(fail(self.fault));
        }
        let upload =
            BrokenUpload { fault: self.fault, stage: self.stage, parts: 0, aborted: Arc::clone(&self.aborted) };
        Box::pin(async { Ok(Box::new(upload) as Box<dyn MultipartUpload>) })
    }

    fn get_opts<'a, 'b, 'c>(&'a self, _: &'b Path, _: GetOptions) -> Answer<'c, GetResult>
    where
        'a: 'c,
        'b: 'c,
    {
        Box::pin(fail(self.fault))
    }

    fn get_ranges<'a, 'b, 'd, 'c>(&'a self, _: &'b Path, _: &'d [std::ops::Range<u64>]) -> Answer<'c, Vec<Bytes>>
    where
        'a: 'c,
        'b: 'c,
        'd: 'c,
    {
        Box::pin(fail(self.fault))
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        stream::once(fail(self.fault)).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::once(fail(self.fault)).boxed()
    }

    fn list_with_delimiter<'a, 'b, 'c>(&'a self, _: Option<&'b Path>) -> Answer<'c, ListResult>
    where
        'a: 'c,
        'b: 'c,
    {
        Box::pin(fail(self.fault))
    }

    fn copy_opts<'a, 'b, 'd, 'c>(&'a self, _: &'b Path, _: &'d Path, _: CopyOptions) -> Answer<'c, ()>
    where
        'a: 'c,
        'b: 'c,
        'd: 'c,
    {
        Box::pin(fail(self.fault))
    }
}

#[derive(Debug)]
struct BrokenUpload {
    fault: Fault,
    stage: Stage,
    parts: usize,
    aborted: Arc<AtomicUsize>,
}

impl MultipartUpload for BrokenUpload {
    fn put_part(&mut self, _: PutPayload) -> UploadPart {
        let broken = self.stage == Stage::Part(self.parts);
        self.parts += 1;
        if broken { Box::pin(fail(self.fault)) } else { Box::pin(async { Ok(()) }) }
    }

    fn complete<'a, 'c>(&'a mut self) -> BoxFuture<'c, Result<PutResult>>
    where
        'a: 'c,
    {
        Box::pin(fail(self.fault))
    }

    fn abort<'a, 'c>(&'a mut self) -> BoxFuture<'c, Result<()>>
    where
        'a: 'c,
    {
        self.aborted.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(()) })
    }
}

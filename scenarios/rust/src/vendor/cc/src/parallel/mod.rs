pub(crate) mod async_executor;
pub(crate) mod job_token;
pub(crate) mod stderr;

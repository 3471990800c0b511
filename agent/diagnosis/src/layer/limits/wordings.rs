//! How registries and the kubelet write that it was too often.

use crate::cause::Code::{KubeletThrottled, RateLimited};
use crate::layer::wordings::{BODY, CONTENT, DECISIVE, SPECIFIC, Wording, says};

/// The rows of this layer.
pub(crate) const WORDINGS: &[Wording] = &[
    says(DECISIVE, &["pull qps exceeded"], KubeletThrottled).of_pulls(),
    says(SPECIFIC + 4, &["unauthenticated pull rate limit"], RateLimited).detail("ip").of_pulls(),
    says(SPECIFIC + 4, &["pull rate limit as '"], RateLimited).detail("account").of_pulls(),
    says(SPECIFIC + 4, &["authenticated requests per"], RateLimited).detail("account"),
    says(SPECIFIC, &["toomanyrequests"], RateLimited).of_pulls(),
    says(SPECIFIC, &["pull rate limit"], RateLimited).of_pulls(),
    says(SPECIFIC - 4, &["too many requests"], RateLimited),
    says(SPECIFIC - 2, &["rate exceeded"], RateLimited),
    says(SPECIFIC - 2, &["data limit exceeded"], RateLimited),
    says(SPECIFIC - 2, &["quota exceeded for quota"], RateLimited),
    says(SPECIFIC - 2, &["throttlingexception"], RateLimited),
    says(CONTENT - 4, &["rate limit exceeded"], RateLimited),
    says(CONTENT - 4, &["rate limited"], RateLimited),
    says(BODY, &["download limit"], RateLimited).likely(),
];

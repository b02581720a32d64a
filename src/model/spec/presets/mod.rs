//! The specs that are built in. Each is a file that says of what application it is, where its layout is from, what it repairs
//! and what it leaves.

/// The presets that are built in: name and text. Those of one application stand together, the newest first.
pub const PRESETS: &[(&str, &str)] = &[
    ("discord-analytics", include_str!("discord-analytics.toml")),
    ("arq", include_str!("arq.toml")),
    ("bullmq", include_str!("bullmq.toml")),
    ("bull", include_str!("bull.toml")),
    ("cacheops", include_str!("cacheops.toml")),
    ("dramatiq", include_str!("dramatiq.toml")),
    ("kombu", include_str!("kombu.toml")),
    ("laravel-10", include_str!("laravel-10.toml")),
    ("laravel-8", include_str!("laravel-8.toml")),
    ("magento", include_str!("magento.toml")),
    ("cm-cache-redis", include_str!("cm-cache-redis.toml")),
    ("neos", include_str!("neos.toml")),
    ("nextjs-cache-handler", include_str!("nextjs-cache-handler.toml")),
    ("rq", include_str!("rq.toml")),
    ("sidekiq-unique-jobs", include_str!("sidekiq-unique-jobs.toml")),
    ("spring-cache", include_str!("spring-cache.toml")),
    ("spring-session", include_str!("spring-session.toml")),
    ("symfony-cache", include_str!("symfony-cache.toml")),
    ("typo3", include_str!("typo3.toml")),
];

/// The preset that is used when no other spec is named.
pub const DEFAULT_PRESET: &str = "discord-analytics";

/// What a preset is for: the first line of its text.
pub fn purpose(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim_start_matches('#').trim()
}

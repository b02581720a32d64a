//! The presets that are built in: one for each application, by its name.

/// A spec that is built in.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// What `--preset` calls it.
    pub name: &'static str,
    /// What it is for, in a line.
    pub about: &'static str,
    /// The spec.
    pub text: &'static str,
}

/// All of them: the one that is used when no other spec is named, then the others by name.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "discord-analytics",
        about: "messages and projects of a Discord analytics bot (the default)",
        text: include_str!("discord-analytics.toml"),
    },
    Preset { name: "arq", about: "arq: the queue of job ids", text: include_str!("arq.toml") },
    Preset { name: "bull", about: "Bull 3 and 4: jobs in lists and sorted sets", text: include_str!("bull.toml") },
    Preset { name: "bullmq", about: "BullMQ: jobs in lists and sorted sets", text: include_str!("bullmq.toml") },
    Preset { name: "cacheops", about: "django-cacheops: sets of cached queries", text: include_str!("cacheops.toml") },
    Preset { name: "dramatiq", about: "dramatiq: queues of message ids", text: include_str!("dramatiq.toml") },
    Preset {
        name: "kombu",
        about: "Celery over kombu: messages that were not acknowledged",
        text: include_str!("kombu.toml"),
    },
    Preset { name: "laravel-10", about: "Laravel 10 and later: cache tags", text: include_str!("laravel-10.toml") },
    Preset { name: "laravel-8", about: "Laravel 6 to 9: cache tags", text: include_str!("laravel-8.toml") },
    Preset { name: "magento", about: "Magento 2 and Mage-OS: cache tags", text: include_str!("magento.toml") },
    Preset {
        name: "nextjs-cache-handler",
        about: "Next.js cache handlers: shared tags",
        text: include_str!("nextjs-cache-handler.toml"),
    },
    Preset { name: "rq", about: "RQ: jobs in registries and queues, workers", text: include_str!("rq.toml") },
    Preset {
        name: "sidekiq-unique-jobs",
        about: "sidekiq-unique-jobs: digests of locks",
        text: include_str!("sidekiq-unique-jobs.toml"),
    },
    Preset {
        name: "spring-cache",
        about: "Spring Data Redis 1: the known keys of a cache",
        text: include_str!("spring-cache.toml"),
    },
    Preset {
        name: "spring-session",
        about: "Spring Session: sessions of a principal, and expirations",
        text: include_str!("spring-session.toml"),
    },
    Preset {
        name: "symfony-cache",
        about: "Symfony and Shopware: cache tags",
        text: include_str!("symfony-cache.toml"),
    },
    Preset { name: "typo3", about: "TYPO3: cache tags", text: include_str!("typo3.toml") },
];

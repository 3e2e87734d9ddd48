"""The database: books and their passages, versions and their aliases, skills, studies, jobs, artifacts."""

"""Keys and tokens that are known by their vendor's form.

Only forms that ordinary text has not are here: a prefix that no word begins with, a length, an alphabet.
Source: the vendors' own descriptions; the rules of gitleaks and of GitHub's secret scanning list them.
"""

import re

VENDOR_KEYS = re.compile(
    r"""(?:\b|(?<=\\[nrt]))(?=[\w.:~=+/%-]{15})(?:
        sk-(?=[\w-]{0,40}\d)[\w-]{16,}      # OpenAI, Anthropic, OpenRouter, DeepSeek …
      | (?:gsk|xai|pplx|nvapi|fw|csk|tgp|pcsk|tvly|jina)[-_](?=\w{0,40}\d)[\w-]{16,}
      | (?:hf|r8)_[A-Za-z0-9]{20,} | lsv2_(?:pt|sk)_[0-9a-f]{20,}[\w-]*
      | AIza[\w-]{30,} | ya29\.[\w.-]{20,} | GOCSPX-[\w-]{20,}   # Google
      | (?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}  # AWS
      # Azure: connection strings, signatures of shared access, secrets of applications
      | (?i:account|access)Key=[A-Za-z0-9+/]{20,100}={0,2}
      | (?i:Shared(?:Access|Secret)Key)=[A-Za-z0-9+/]{20,100}={0,2}
      | sig=(?:[A-Za-z0-9+/]|%[0-9A-Fa-f]{2}){24,120}={0,2}
      | [\w.~]{3}\dQ~[\w.~-]{31,34}
      | gh[pousr]_[A-Za-z0-9]{30,} | github_pat_\w{30,}
      | gl(?:pat|ptt|dt|rt|cbt|ft|imt|agent|oas|soat|ffct)-[\w-]{20,} | GR1348941[\w-]{20,}   # GitLab
      | xox[abeoprs]-[A-Za-z0-9-]{10,} | xapp-\d-[A-Za-z0-9-]{10,}   # Slack
      | (?:sk|rk|whsec)_(?:live_|test_)?(?=\w{0,40}\d)[A-Za-z0-9]{20,}   # Stripe
      | (?:SK|AC)[0-9a-f]{32}\b             # Twilio
      | SG\.[\w-]{16,}\.[\w-]{16,} | (?:pub)?key-[0-9a-f]{32}\b   # SendGrid, Mailgun
      | [0-9a-f]{32}-(?:[0-9a-f]{8}-[0-9a-f]{8}|us\d{1,2})\b     # Mailgun, Mailchimp
      | xkeysib-[0-9a-f]{40,}[\w-]* | re_(?=\w{0,30}\d)[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}   # Brevo, Resend
      | shp(?:at|ss|ca|pa|ua|tka|ptk)_[A-Za-z0-9]{24,}   # Shopify
      | hv[sbr]\.[\w-]{20,} | [A-Za-z0-9]{14}\.atlasv1\.[\w=-]{40,}   # Vault, Terraform
      | \d{8,10}:A[\w-]{34}(?![\w-])        # Telegram
      | (?=[\w-]{0,27}\d)[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40}(?![\w-])   # Discord
      | npm_[A-Za-z0-9]{30,} | pypi-[\w-]{40,} | rubygems_[0-9a-f]{40,} | oy2[a-z0-9]{43}\b
      | CLOJARS_[a-z0-9]{50,} | dckr_(?:pat|oat)_[\w-]{20,} | AKCp[A-Za-z0-9]{60,}   # Docker, Artifactory
      | do[opr]_v1_[a-f0-9]{40,} | dapi[0-9a-f]{32}(?:-\d)?\b   # DigitalOcean, Databricks
      | lin_(?:api|oauth)_[A-Za-z0-9]{30,}     # Linear
      | ntn_\d{6,}[A-Za-z0-9]{25,} | secret_[A-Za-z0-9]{43}\b   # Notion
      | glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8} | glc_(?=[\w+/]{0,40}\d)[A-Za-z0-9+/]{32,}={0,2}   # Grafana
      | NR(?:AK|RA|II|JS|AA|BR|MA|IQ)-(?=[\w-]{0,40}\d)[A-Za-z0-9-]{19,}   # New Relic
      | PMAK-[a-f0-9]{24}-[a-f0-9]{34} | PMAT-[0-9A-Z]{26}      # Postman
      | sbp_[a-f0-9]{40} | sb_secret_[\w-]{20,} | fig[dour]{1,2}_[\w-]{36,}   # Supabase, Figma
      | dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[\w-]{2,40}\.)?[A-Za-z0-9]{32,}      # Doppler
      | pscale_(?:tkn|oauth|pw)_[\w.=-]{30,} | HRKU-[\w-]{30,} # PlanetScale, Heroku
      | sq0(?:atp|csp|idp)-[\w-]{22,} | EAAA[\w-]{60}(?![\w-])   # Square
      | AT(?:ATT|CTT)3[\w=-]{40,} | ATBB(?=\w{0,40}\d)[A-Za-z0-9]{32,}   # Atlassian
      | v1\.0-[a-f0-9]{24}-[a-f0-9]{100,}   # Cloudflare's origin CA
      | dt0[a-z]\d{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64} | sntry[su]_[\w+/=]{40,}   # Dynatrace, Sentry
      | pat[A-Za-z0-9]{14}\.[a-f0-9]{64} | LTAI[A-Za-z0-9]{20}\b   # Airtable, Alibaba
      | ops_eyJ[A-Za-z0-9+/]{80,}={0,3} | A3-[A-Z0-9]{6}-(?:[A-Z0-9]{5,11}-){3,4}[A-Z0-9]{5}\b   # 1Password
      | AGE-SECRET-KEY-1[0-9A-Z]{58} | p8e-[a-z0-9]{32}\b   # age, Adobe
      | CFPAT-[\w-]{40,} | nfp_[A-Za-z0-9]{36,} | tfp_[\w.-]{40,}   # Contentful, Netlify, Typeform
      | tskey-[a-z]{3,8}-[A-Za-z0-9]{6,}-[A-Za-z0-9]{12,}   # Tailscale
      | pul-[a-f0-9]{40}\b | pnu_[A-Za-z0-9]{36}\b   # Pulumi, Prefect
      | fo1_[\w-]{43} | fm[12][ar]?_[A-Za-z0-9+/]{80,}={0,2}   # Fly
      | EZ[AT]K[A-Za-z0-9]{54}\b | duffel_(?:test|live)_[\w=-]{43} | shippo_(?:live|test)_[a-f0-9]{40}
      | rzp_(?:live|test)_[A-Za-z0-9]{14}\b | FLWSECK(?:_TEST)?-[A-Za-z0-9]{12,}(?:-X)?
      | access-(?:sandbox|development|production)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}   # Plaid
      | sha256~[\w-]{43} | CCIPAT_[\w-]{30,} | bkua_[0-9a-f]{40} | snyk_(?:uat|sat)\.[\w.-]{30,}
      | (?<!-)eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+   # JSON web token
    )""",
    re.VERBOSE,
)
"""Every part has a bound or stands after a prefix, so that time grows with the length only."""

"""The admission webhook, for clusters without MutatingAdmissionPolicy: puts the sidecar into labelled pods.

PURE are `annotations` (what a pod may ask for), `overrides` (what it gets of that), `container` (the
sidecar of one pod), `app_env` (what its other containers get), `patch` (all that as JSON Patch),
`config`, `pods` and `review` (what is read, and refused, and answered). `certificate` and `server`
do the rest.
"""

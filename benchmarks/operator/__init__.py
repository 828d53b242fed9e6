"""The operator with hundreds and thousands of ModelDeployments, beside Argo Rollouts with as many Rollouts."""

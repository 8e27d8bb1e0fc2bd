"""What a cloud allows an account, against what a region needs: asked before an update, not told by a failing one.

`needs` adds up what the stack's file asks for, `aws`, `azure` and `gcp` ask the cloud, `standing` compares.
"""

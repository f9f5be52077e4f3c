"""The Python side of park.dc: what its objects do in a game.

The import lines at the head of park.dc name what is in here. Panda3D makes an object of class
`DistributedFerry` a `DistributedFerry` in a client, a `DistributedFerryAI` in an AI, a
`...UD` in an UberDOG, and a `...OV` for the client that owns it.

What an update calls is the method of the field's name: `setName` of the DC file is `setName` here.
What a new object is created with comes from the method that has `get` in place of `set`.
"""
